/** Of the Hearth that the dashboard was built with. */
declare const __HEARTH_VERSION__: string;
