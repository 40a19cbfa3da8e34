// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.core.mman.MmException;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.linux.abi.LinuxCall;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.abi.WaitStatus;
import dev.samara.emulator.linux.memory.CallMemory.BadAddress;
import dev.samara.emulator.linux.process.GuestProcess;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.GuestThread.ThreadCalls;
import java.io.PrintWriter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Executes the system calls of a thread, which is outside GUEST: reads the number and the arguments from the registers,
 * executes the call, and stores its result, if it has one, in a register. The calls of each group are in a class of
 * their own. A call that is not in the switch returns ENOSYS.
 */
public final class SystemCalls implements ThreadCalls {
    private final GuestThread thread;
    private final @Nullable CallTrace trace;

    /** Created by the first call, because the thread's construction is complete by then. */
    private @Nullable Groups groups;

    /** The calls, in groups. */
    private static final class Groups {
        private final MemoryCalls memory;
        private final SegmentCalls segments;
        private final FutexCalls futexes;
        private final TransferCalls transfers;
        private final PollCalls polls;
        private final DescriptorCalls descriptors;
        private final PathCalls paths;
        private final FileCalls files;
        private final SignalCalls signals;
        private final TimeCalls times;
        private final CloneCalls clones;
        private final ExecCalls execs;
        private final ProcessCalls processes;

        Groups(GuestThread thread) {
            memory = new MemoryCalls(thread);
            segments = new SegmentCalls(thread);
            futexes = new FutexCalls(thread);
            transfers = new TransferCalls(thread);
            polls = new PollCalls(thread);
            descriptors = new DescriptorCalls(thread);
            paths = new PathCalls(thread);
            files = new FileCalls(thread, paths);
            signals = new SignalCalls(thread);
            times = new TimeCalls(thread);
            clones = new CloneCalls(thread);
            execs = new ExecCalls(thread, paths);
            processes = new ProcessCalls(thread, signals);
        }
    }

    /**
     * Prepares the calls of a thread.
     *
     * @param thread the thread, whose construction may still be in progress
     * @param trace prints the calls; null if they are not printed
     */
    public SystemCalls(GuestThread thread, @Nullable CallTrace trace) {
        this.thread = thread;
        this.trace = trace;
    }

    @Override
    public void execute() {
        long[] x = thread.hart().x;
        int number = (int) x[Hart.A7];
        thread.process().system.counts.call(number);
        CallTrace traced = trace;
        if (traced != null) {
            traced.begins(thread, number);
        }
        Groups known = groups;
        if (known == null) {
            known = new Groups(thread);
            groups = known;
        }
        LinuxCall call = LinuxCall.of(number);
        if (call == LinuxCall.RT_SIGRETURN) {
            // Restores all registers, so it has no result.
            thread.interruptedCall().forget();
            known.signals.leaveHandler();
        } else {
            make(known, call, number, x);
        }
        if (traced != null) {
            traced.ends(thread, number, x[Hart.A0]);
        }
    }

    private void make(Groups known, @Nullable LinuxCall call, int number, long[] x) {
        long first = x[Hart.A0];
        long result = LinuxErrno.ENOSYS;
        try {
            result = call == null ? unknown(number) : make(known, call, first, x[11], x[12], x[13], x[14], x[15]);
        } catch (BadAddress e) {
            result = LinuxErrno.EFAULT;
        } catch (MmException e) {
            result = LinuxErrno.of(e);
        } finally {
            thread.endUse();
        }
        if (LinuxErrno.mayRestart(result)) {
            thread.interruptedCall().mayRestart(result, first);
            result = LinuxErrno.EINTR;
        } else {
            thread.interruptedCall().forgetDeadline();
        }
        x[Hart.A0] = result;
    }

    @SuppressWarnings("ThreadPriorityCheck") // the guest requests to yield
    private long make(Groups to, LinuxCall call, long a, long b, long c, long d, long e, long f) {
        GuestProcess process = thread.process();
        int user = process.system.user;
        return switch (call) {
            case SHMGET -> to.segments.get(a, b, c);
            case SHMCTL -> to.segments.control(a, b, c);
            case SHMAT -> to.memory.counted(true, () -> to.segments.attach(a, b, c));
            case SHMDT -> to.memory.counted(false, () -> to.segments.detach(a));
            case BRK -> to.memory.brk(a);
            case MUNMAP -> to.memory.unmap(a, b);
            case MREMAP -> to.memory.remap(a, b, c, d, e);
            case MMAP -> to.memory.map(a, b, c, d, e, f);
            case MPROTECT -> to.memory.protect(a, b, c);
            case MSYNC -> to.memory.sync(a, b, c);
            case MLOCK -> to.memory.lock(a, b, 0);
            case MLOCK2 -> to.memory.lock(a, b, c);
            case MUNLOCK -> to.memory.unlock(a, b);
            case MLOCKALL -> to.memory.lockAll(a);
            case MUNLOCKALL -> to.memory.unlockAll();
            case MINCORE -> to.memory.inCore(a, b, c);
            case MADVISE -> to.memory.advise(a, b, c);
            case REMAP_FILE_PAGES -> to.memory.remapPages(a, b, c, d, e);
            case RISCV_FLUSH_ICACHE -> to.memory.flushCode(c);
            case PROCESS_VM_READV -> to.memory.transfer(true, a, b, c, d, e, f);
            case PROCESS_VM_WRITEV -> to.memory.transfer(false, a, b, c, d, e, f);
            case PROCESS_MADVISE -> to.memory.advise(a, b, c, d, e);
            case MSEAL -> to.memory.seal(a, b, c);
            case MEMBARRIER -> to.memory.barrier(a, b);

            case FUTEX -> to.futexes.futex(a, b, c, d, e, f);
            case FUTEX_WAITV -> to.futexes.awaitAny(a, b, c, d, e);
            case SET_ROBUST_LIST -> to.futexes.setRobust(a, b);
            case GET_ROBUST_LIST -> to.futexes.getRobust(a, b, c);

            case READ -> to.transfers.one(true, a, b, c, false, 0);
            case WRITE -> to.transfers.one(false, a, b, c, false, 0);
            case PREAD64 -> to.transfers.one(true, a, b, c, true, d);
            case PWRITE64 -> to.transfers.one(false, a, b, c, true, d);
            case READV -> to.transfers.parts(true, a, b, c, false, 0);
            case WRITEV -> to.transfers.parts(false, a, b, c, false, 0);
            case PREADV -> to.transfers.parts(true, a, b, c, true, d);
            case PWRITEV -> to.transfers.parts(false, a, b, c, true, d);
            case SENDFILE -> to.transfers.send(a, b, c, d);
            case LSEEK -> to.transfers.seek(a, b, c);
            case FTRUNCATE -> to.transfers.truncate(a, b);
            case FALLOCATE -> to.transfers.allocate(a, b, c, d);
            case FSYNC, FDATASYNC -> to.transfers.sync(a);
            case GETDENTS64 -> to.transfers.entries(a, b, c);

            case PPOLL -> to.polls.poll(a, b, c, d, e);
            case PSELECT6 -> to.polls.select(a, new long[] {b, c, d}, e, f);

            case CLOSE -> to.descriptors.close(a);
            case CLOSE_RANGE -> to.descriptors.closeRange(a, b, c);
            case DUP -> to.descriptors.duplicate(a);
            case DUP3 -> to.descriptors.duplicateTo(a, b, c);
            case FCNTL -> to.descriptors.control(a, b, c);
            case FLOCK -> to.descriptors.lockWhole(a, b);
            case IOCTL -> to.descriptors.request(a, b, c);

            case OPENAT -> to.files.open(a, b, c, d);
            case PIPE2 -> to.files.pipe(a, b);
            case MEMFD_CREATE -> to.files.memoryFile(a, b);

            case GETCWD -> to.paths.currentFolder(a, b);
            case CHDIR -> to.paths.changeFolder(a);
            case FCHDIR -> to.paths.changeFolderTo(a);
            case READLINKAT -> to.paths.readLink(a, b, c, d);
            case UMASK -> process.folder.umask((int) a);

            case MKDIRAT -> to.paths.makeFolder(a, b, c);
            case UNLINKAT -> to.paths.unlink(a, b, c);
            case SYMLINKAT -> to.paths.symbolicLink(a, b, c);
            case LINKAT -> to.paths.link(a, b, c, d, e);
            case RENAMEAT2 -> to.paths.rename(a, b, c, d, e);

            case FACCESSAT -> to.paths.access(a, b, c);
            case FSTAT -> to.paths.statOf(a, b);
            case NEWFSTATAT -> to.paths.stat(a, b, c, d);
            case STATFS -> to.paths.fileSystem(a, b);
            case FCHMOD -> to.paths.changeModeOf(a, b);
            case FCHMODAT -> to.paths.changeMode(a, b, c);
            case FCHOWN -> to.paths.changeOwnerOf(a, b, c);
            case UTIMENSAT -> to.paths.setTimes(a, b, c, d);

            case KILL -> to.signals.kill(a, b);
            case TKILL -> to.signals.killThread(0, a, b);
            case TGKILL -> (int) a <= 0 ? LinuxErrno.EINVAL : to.signals.killThread(a, b, c);
            case SIGALTSTACK -> to.signals.alternateStack(a, b);
            case RT_SIGSUSPEND -> to.signals.suspend(a, b);
            case RT_SIGACTION -> to.signals.action(a, b, c, d);
            case RT_SIGPROCMASK -> to.signals.mask(a, b, c, d);
            case RT_SIGPENDING -> to.signals.pending(a, b);
            case RT_SIGTIMEDWAIT -> to.signals.await(a, b, c, d);
            case RT_SIGQUEUEINFO -> to.signals.queue(a, b, c);

            case NANOSLEEP -> to.times.sleep(TimeCalls.MONOTONIC, 0, a, b);
            case CLOCK_NANOSLEEP -> to.times.sleep(a, b, c, d);
            case CLOCK_GETTIME -> to.times.get(a, b);
            case CLOCK_GETRES -> to.times.resolution(a, b);
            case SETITIMER -> to.times.setTimer(a, b, c);
            case TIMES -> to.times.times(a);

            case CLONE -> to.clones.cloneLegacy(a, b, c, d, e);
            case CLONE3 -> to.clones.clone3(a, b);
            case EXECVE -> to.execs.execute(a, b, c);
            case EXIT -> exit(a);
            case EXIT_GROUP -> {
                process.exit(WaitStatus.exited((int) a));
                yield 0;
            }
            case WAIT4 -> to.processes.wait4(a, b, c, d);
            case WAITID -> to.processes.waitId(a, b, c, d, e);
            case SETPGID -> to.processes.setGroup(a, b);
            case GETPGID -> to.processes.group(a);

            case SET_TID_ADDRESS -> {
                thread.tidWords.clearAtEnd(a);
                yield thread.tid();
            }
            case GETTID -> thread.tid();
            case GETPID -> process.pid;
            case GETPPID -> process.system.tree.parentOf(process);
            case GETUID, GETEUID, GETGID, GETEGID -> user;
            case SETUID, SETGID -> (int) a == user ? 0 : (int) a == -1 ? LinuxErrno.EINVAL : LinuxErrno.EPERM;
            case GETRANDOM -> to.processes.random(a, b, c);
            case GETRUSAGE -> to.processes.usage(a, b);
            case GETCPU -> to.processes.processor(a, b);
            case SCHED_GETAFFINITY -> to.processes.processors(a, b, c);
            case SCHED_YIELD -> {
                Thread.yield();
                yield 0;
            }
            case PRLIMIT64 -> to.processes.limit(a, b, c, d);
            case PRCTL -> to.processes.control(to.memory, a, b, c, d, e);
            case SYSINFO -> to.processes.systemInfo(a);
            case UNAME -> to.processes.name(a);
            default -> unknown((int) thread.hart().x[Hart.A7]);
        };
    }

    private long unknown(int number) {
        thread.process().system.counts.unknownCall(number);
        return LinuxErrno.ENOSYS;
    }

    private long exit(long status) {
        if (thread.process().threads() == 1) {
            thread.process().exit(WaitStatus.exited((int) status));
        }
        thread.kill();
        return 0;
    }

    /** Prints each system call with its arguments and its result ({@code --strace}). Thread-safe. */
    public static final class CallTrace {
        private static final int ARGUMENTS = 6;

        private final PrintWriter out;

        public CallTrace(PrintWriter out) {
            this.out = out;
        }

        private void print(String line) {
            synchronized (out) {
                out.println(line);
                out.flush();
            }
        }

        void begins(GuestThread thread, int number) {
            StringBuilder line = new StringBuilder();
            line.append(thread.tid())
                    .append(' ')
                    .append(LinuxCall.nameOf(number))
                    .append('(');
            for (int i = 0; i < ARGUMENTS; i++) {
                line.append(i == 0 ? "0x" : ", 0x").append(Long.toHexString(thread.hart().x[Hart.A0 + i]));
            }
            print(line.append(')').toString());
        }

        void ends(GuestThread thread, int number, long result) {
            String shown = LinuxErrno.isError(result) ? Long.toString(result) : "0x" + Long.toHexString(result);
            print(String.format(Locale.ROOT, "%d %s = %s", thread.tid(), LinuxCall.nameOf(number), shown));
        }
    }
}
