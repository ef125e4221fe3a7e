// How the benchmarks measure: the CPU time of this thread, and medians.

/** The thread's own time where Node tells it, else the process's, in nanoseconds. */
export const cpu = () => {
  const { user, system } = process.threadCpuUsage?.() ?? process.cpuUsage();
  return (user + system) * 1000;
};

export const median = (times) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
