/**
 * The fields of /proc/<pid>/stat (proc_pid_stat(5)) by their numbers there, from `state`, the third, on: the name of a program before them may hold anything,
 * brackets and spaces too.
 */
export function statFields(text: string): (number: number) => string | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (number) => fields[number - 3];
}
