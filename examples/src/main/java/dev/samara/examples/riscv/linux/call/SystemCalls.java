// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.call;

import dev.samara.core.mman.MmException;
import dev.samara.examples.riscv.cpu.Hart;
import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import dev.samara.examples.riscv.linux.memory.BadAddress;
import dev.samara.examples.riscv.linux.process.GuestProcess;
import dev.samara.examples.riscv.linux.process.GuestThread;
import dev.samara.examples.riscv.linux.process.ThreadCalls;
import org.jspecify.annotations.Nullable;

/**
 * The system calls of a thread: takes number and arguments from the registers, makes the call, and puts the result
 * there. The thread is outside GUEST. The numbers are those of {@code include/uapi/asm-generic/unistd.h}.
 */
public final class SystemCalls implements ThreadCalls {
    /** No result of a call: there is no call of this number in the group. */
    private static final long UNKNOWN = Long.MIN_VALUE;

    private final GuestThread thread;
    private final @Nullable CallTrace trace;
    private @Nullable CallGroups groups;

    /**
     * Makes the calls of a thread.
     *
     * @param thread the thread, which may be incomplete
     * @param trace prints the calls; null for none
     */
    public SystemCalls(GuestThread thread, @Nullable CallTrace trace) {
        this.thread = thread;
        this.trace = trace;
    }

    /** The classes that have the calls of a group; made by the first call, when the thread is complete. */
    private static final class CallGroups {
        private final MemoryCalls memory;
        private final SegmentCalls segments;
        private final TransferCalls transfers;
        private final FileCalls files;
        private final NameCalls names;
        private final PathCalls paths;
        private final DescriptorCalls descriptors;
        private final SelectCalls selects;
        private final SignalCalls signals;
        private final FutexCalls futexes;
        private final TimeCalls times;
        private final CloneCalls clones;
        private final ExecCalls execs;
        private final ProcessCalls processes;

        CallGroups(GuestThread thread) {
            memory = new MemoryCalls(thread);
            segments = new SegmentCalls(thread);
            transfers = new TransferCalls(thread);
            files = new FileCalls(thread);
            names = new NameCalls(thread);
            paths = new PathCalls(thread);
            descriptors = new DescriptorCalls(thread);
            selects = new SelectCalls(thread);
            signals = new SignalCalls(thread);
            futexes = new FutexCalls(thread);
            times = new TimeCalls(thread);
            clones = new CloneCalls(thread);
            execs = new ExecCalls(thread);
            processes = new ProcessCalls(thread);
        }
    }

    @Override
    public void execute() {
        Hart hart = thread.hart();
        long[] x = hart.x;
        int number = (int) x[Hart.A7];
        long first = x[Hart.A0];
        thread.process().system().counts().call(number);
        CallTrace traced = trace;
        if (traced != null) {
            traced.begins(thread, number);
        }
        long result;
        try {
            result = call(number, first, x[11], x[12], x[13], x[14], x[15]);
        } catch (BadAddress e) {
            result = LinuxErrno.EFAULT;
        } catch (MmException e) {
            result = LinuxErrno.of(e);
        } finally {
            thread.endUse();
        }
        if (result == LinuxErrno.RESTART || result == LinuxErrno.RESTART_WITHOUT_HANDLER) {
            thread.interruptedCall().mayRestart(result, first);
            result = LinuxErrno.EINTR;
        } else {
            thread.interruptedCall().forgetDeadline();
        }
        x[Hart.A0] = result;
        if (traced != null) {
            traced.ends(thread, number, result);
        }
    }

    private long call(int number, long a, long b, long c, long d, long e, long f) {
        CallGroups all = groups;
        if (all == null) {
            all = new CallGroups(thread);
            groups = all;
        }
        long result = ofMemory(all, number, a, b, c, d, e, f);
        if (result == UNKNOWN) {
            result = ofThreads(all, number, a, b, c, d, e, f);
        }
        if (result == UNKNOWN) {
            result = ofDescriptors(all, number, a, b, c, d);
        }
        if (result == UNKNOWN) {
            result = ofPaths(all, number, a, b, c, d, e);
        }
        if (result == UNKNOWN) {
            result = ofProcesses(all, number, a, b, c, d);
        }
        if (result == UNKNOWN) {
            thread.process().system().counts().unknownCall(number);
            return LinuxErrno.ENOSYS;
        }
        return result;
    }

    private static long ofMemory(CallGroups all, int number, long a, long b, long c, long d, long e, long f) {
        MemoryCalls memory = all.memory;
        return switch (number) {
            case 194 -> all.segments.get(a, b, c); // shmget
            case 195 -> all.segments.control(a, b, c); // shmctl
            case 196 -> all.segments.attach(a, b, c); // shmat
            case 197 -> all.segments.detach(a); // shmdt
            case 214 -> memory.brk(a); // brk
            case 215 -> memory.unmap(a, b); // munmap
            case 216 -> memory.remap(a, b, c, d, e); // mremap
            case 222 -> memory.map(a, b, c, d, e, f); // mmap
            case 226 -> memory.protect(a, b, c); // mprotect
            case 227 -> memory.sync(a, b, c); // msync
            case 228 -> memory.lock(a, b); // mlock
            case 229 -> memory.unlock(a, b); // munlock
            case 230 -> memory.lockAll(a); // mlockall
            case 231 -> memory.unlockAll(); // munlockall
            case 232 -> memory.inCore(a, b, c); // mincore
            case 233 -> memory.advise(a, b, c); // madvise
            case 259 -> memory.flushCode(c); // riscv_flush_icache
            case 270 -> memory.transfer(true, a, b, c, d, e); // process_vm_readv
            case 271 -> memory.transfer(false, a, b, c, d, e); // process_vm_writev
            case 283 -> memory.barrier(a, b); // membarrier
            case 284 -> memory.lock2(a, b, c); // mlock2
            case 462 -> memory.seal(a, b, c); // mseal
            default -> UNKNOWN;
        };
    }

    @SuppressWarnings("ThreadPriorityCheck") // sched_yield is what it says
    private long ofThreads(CallGroups all, int number, long a, long b, long c, long d, long e, long f) {
        return switch (number) {
            case 93 -> all.clones.exitThread(a); // exit
            case 94 -> all.clones.exitProcess(a); // exit_group
            case 96 -> { // set_tid_address
                thread.tidWords().clearAtEnd(a);
                yield thread.tid();
            }
            case 98 -> all.futexes.futex(a, b, c, d, e, f); // futex
            case 99 -> all.futexes.setRobust(a, b); // set_robust_list
            case 100 -> all.futexes.getRobust(a, b, c); // get_robust_list
            case 72 -> all.selects.select(a, new long[] {b, c, d}, e, f); // pselect6
            case 101 -> all.times.sleep(1, 0, a, b); // nanosleep
            case 102 -> all.times.timer(a, b); // getitimer
            case 103 -> all.times.setTimer(a, b, c); // setitimer
            case 113 -> all.times.get(a, b); // clock_gettime
            case 114 -> all.times.resolution(a, b); // clock_getres
            case 115 -> all.times.sleep(a, b, c, d); // clock_nanosleep
            case 124 -> { // sched_yield
                Thread.yield();
                yield 0;
            }
            case 129 -> all.signals.kill(a, b); // kill
            case 130 -> all.signals.killThread(0, a, b); // tkill
            case 131 -> all.signals.killThread(a, b, c); // tgkill
            case 132 -> all.signals.alternateStack(a, b); // sigaltstack
            case 133 -> all.signals.suspend(a, b); // rt_sigsuspend
            case 134 -> all.signals.action(a, b, c, d); // rt_sigaction
            case 135 -> all.signals.mask(a, b, c, d); // rt_sigprocmask
            case 136 -> all.signals.pending(a); // rt_sigpending
            case 137 -> all.signals.await(a, b, c, d); // rt_sigtimedwait
            case 138 -> all.signals.queue(a, b, c); // rt_sigqueueinfo
            case 139 -> all.signals.leaveHandler(); // rt_sigreturn
            case 153 -> all.times.times(a); // times
            case 169 -> all.times.timeOfDay(a); // gettimeofday
            case 178 -> thread.tid(); // gettid
            case 220 -> all.clones.cloneThread(a, b, c, d, e); // clone
            case 221 -> all.execs.execute(PathCalls.CURRENT_FOLDER, a, b, c, 0); // execve
            case 240 -> all.signals.queueThread(a, b, c, d); // rt_tgsigqueueinfo
            case 281 -> all.execs.execute(a, b, c, d, e); // execveat
            default -> UNKNOWN;
        };
    }

    private static long ofDescriptors(CallGroups all, int number, long a, long b, long c, long d) {
        TransferCalls transfers = all.transfers;
        return switch (number) {
            case 19 -> all.files.event(a, b); // eventfd2
            case 23 -> all.descriptors.duplicate(a, 0, false); // dup
            case 24 -> all.descriptors.duplicateTo(a, b, c); // dup3
            case 25 -> all.descriptors.control(a, b, c); // fcntl
            case 29 -> all.descriptors.device(a, b, c); // ioctl
            case 32 -> 0; // flock
            case 46 -> transfers.truncate(a, b); // ftruncate
            case 47 -> transfers.allocate(a, b, c, d); // fallocate
            case 57 -> all.descriptors.close(a); // close
            case 59 -> all.files.pipe(a, b); // pipe2
            case 61 -> transfers.entries(a, b, c); // getdents64
            case 62 -> transfers.seek(a, b, c); // lseek
            case 63 -> transfers.read(a, b, c); // read
            case 64 -> transfers.write(a, b, c); // write
            case 65 -> transfers.parts(true, a, b, c, -1); // readv
            case 66 -> transfers.parts(false, a, b, c, -1); // writev
            case 67 -> transfers.readAt(a, b, c, d); // pread64
            case 68 -> transfers.writeAt(a, b, c, d); // pwrite64
            case 69 -> d < 0 ? LinuxErrno.EINVAL : transfers.parts(true, a, b, c, d); // preadv
            case 70 -> d < 0 ? LinuxErrno.EINVAL : transfers.parts(false, a, b, c, d); // pwritev
            case 71 -> transfers.send(a, b, c, d); // sendfile
            case 73 -> all.descriptors.poll(a, b, c, d); // ppoll
            case 80 -> all.paths.statOf(a, b); // fstat
            case 82, 83 -> transfers.sync(a); // fsync, fdatasync
            case 223 -> 0; // fadvise64
            case 279 -> all.files.memoryFile(a, b); // memfd_create
            case 436 -> all.descriptors.closeRange(a, b, c); // close_range
            default -> UNKNOWN;
        };
    }

    private static long ofPaths(CallGroups all, int number, long a, long b, long c, long d, long e) {
        PathCalls paths = all.paths;
        return switch (number) {
            case 17 -> paths.currentFolder(a, b); // getcwd
            case 33 -> all.names.makeFile(a, b, c); // mknodat
            case 34 -> all.names.makeFolder(a, b, c); // mkdirat
            case 35 -> all.names.unlink(a, b, c); // unlinkat
            case 36 -> all.names.symbolicLink(a, b, c); // symlinkat
            case 37 -> all.names.link(a, b, c, d, e); // linkat
            case 45 -> paths.truncate(a, b); // truncate
            case 48, 439 -> paths.access(a, b, c); // faccessat, faccessat2
            case 49 -> paths.changeFolder(a); // chdir
            case 50 -> paths.changeFolderTo(a); // fchdir
            case 52, 54, 55 -> 0; // fchmod, fchownat, fchown
            case 53 -> paths.changeMode(a, b, c); // fchmodat
            case 56 -> all.files.open(a, b, c, d); // openat
            case 78 -> paths.readLink(a, b, c, d); // readlinkat
            case 79 -> paths.stat(a, b, c, d); // newfstatat
            case 81 -> 0; // sync
            case 88 -> paths.setTimes(a, b, c, d); // utimensat
            case 276 -> all.names.rename(a, b, c, d, e); // renameat2
            case 291 -> paths.extendedStat(a, b, c, e); // statx
            default -> UNKNOWN;
        };
    }

    private long ofProcesses(CallGroups all, int number, long a, long b, long c, long d) {
        ProcessCalls processes = all.processes;
        GuestProcess process = thread.process();
        return switch (number) {
            case 95 -> processes.waitId(a, b, c, d); // waitid
            case 122 -> 0; // sched_setaffinity
            case 123 -> processes.affinity(b, c); // sched_getaffinity
            case 143, 145 -> processes.setOwners(a, b); // setregid, setreuid
            case 144, 146 -> processes.setOwner(a); // setgid, setuid
            case 147, 149 -> processes.setOwners(a, b, c); // setresuid, setresgid
            case 148, 150 -> processes.owners(a, b, c); // getresuid, getresgid
            case 154 -> processes.setGroup(a, b); // setpgid
            case 155 -> processes.group(a); // getpgid
            case 156 -> processes.session(a); // getsid
            case 157 -> processes.newSession(); // setsid
            case 158 -> 0; // getgroups: no further groups
            case 160 -> processes.name(a); // uname
            case 163 -> processes.limit(0, a, 0, b); // getrlimit
            case 164 -> processes.limit(0, a, b, 0); // setrlimit
            case 165 -> processes.usage(b); // getrusage
            case 166 -> process.folder().umask((int) a); // umask
            case 167 -> processes.control(a, b); // prctl
            case 168 -> processes.processor(a, b); // getcpu
            case 172 -> process.pid(); // getpid
            case 173 -> processes.parent(); // getppid
            case 174, 175, 176, 177 -> process.user(); // getuid, geteuid, getgid, getegid
            case 179 -> processes.systemInfo(a); // sysinfo
            case 260 -> processes.wait4(a, b, c, d); // wait4
            case 261 -> processes.limit(a, b, c, d); // prlimit64
            case 278 -> processes.random(a, b, c); // getrandom
            default -> UNKNOWN;
        };
    }
}
