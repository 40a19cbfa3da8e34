// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxCall;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.process.GuestThread;

/** Binds each system call that the emulator supports to the method that implements it. */
final class CallBindings {
    private final GuestThread thread;
    private final CallTable table = new CallTable();
    private final MemoryCalls memory;
    private final BarrierCalls barriers;
    private final SegmentCalls segments;
    private final TransferCalls transfers;
    private final FileCalls files;
    private final NameCalls names;
    private final PathCalls paths;
    private final StatusCalls status;
    private final AttributeCalls attributes;
    private final FileSystemCalls systems;
    private final AffinityCalls affinities;
    private final DescriptorCalls descriptors;
    private final RequestCalls requests;
    private final LockCalls locks;
    private final SelectCalls selects;
    private final SignalCalls signals;
    private final FutexCalls futexes;
    private final FutexVector vector;
    private final TimeCalls times;
    private final PidCalls pids;
    private final CloneCalls clones;
    private final ExecCalls execs;
    private final UserCalls users;
    private final ProcessCalls processes;

    private CallBindings(GuestThread thread) {
        this.thread = thread;
        memory = new MemoryCalls(thread);
        barriers = new BarrierCalls(thread);
        segments = new SegmentCalls(thread);
        transfers = new TransferCalls(thread);
        files = new FileCalls(thread);
        names = new NameCalls(thread);
        paths = new PathCalls(thread);
        status = new StatusCalls(thread, paths);
        attributes = new AttributeCalls(thread);
        systems = new FileSystemCalls(thread);
        affinities = new AffinityCalls(thread);
        descriptors = new DescriptorCalls(thread);
        requests = new RequestCalls(thread);
        locks = new LockCalls(thread);
        selects = new SelectCalls(thread);
        signals = new SignalCalls(thread);
        futexes = new FutexCalls(thread);
        vector = new FutexVector(thread);
        times = new TimeCalls(thread);
        pids = new PidCalls(thread);
        clones = new CloneCalls(thread);
        execs = new ExecCalls(thread);
        users = new UserCalls(thread);
        processes = new ProcessCalls(thread);
    }

    /** Creates the calls of a thread. The construction of the thread must be complete. */
    static CallTable of(GuestThread thread) {
        CallBindings made = new CallBindings(thread);
        made.addMemory();
        made.addThreads();
        made.addDescriptors();
        made.addPaths();
        made.addProcesses();
        MappingCalls.count(made.table, thread);
        return made.table;
    }

    private void addMemory() {
        table.put(LinuxCall.SHMGET, (a, b, c, d, e, f) -> segments.get(a, b, c));
        table.put(LinuxCall.SHMCTL, (a, b, c, d, e, f) -> segments.control(a, b, c));
        table.put(LinuxCall.SHMAT, (a, b, c, d, e, f) -> segments.attach(a, b, c));
        table.put(LinuxCall.SHMDT, (a, b, c, d, e, f) -> segments.detach(a));
        table.put(LinuxCall.BRK, (a, b, c, d, e, f) -> memory.brk(a));
        table.put(LinuxCall.MUNMAP, (a, b, c, d, e, f) -> memory.unmap(a, b));
        table.put(LinuxCall.MREMAP, (a, b, c, d, e, f) -> memory.remap(a, b, c, d, e));
        table.put(LinuxCall.MMAP, (a, b, c, d, e, f) -> memory.map(a, b, c, d, e, f));
        table.put(LinuxCall.MPROTECT, (a, b, c, d, e, f) -> memory.protect(a, b, c));
        table.put(LinuxCall.MSYNC, (a, b, c, d, e, f) -> memory.sync(a, b, c));
        table.put(LinuxCall.MLOCK, (a, b, c, d, e, f) -> memory.lock(a, b));
        table.put(LinuxCall.MUNLOCK, (a, b, c, d, e, f) -> memory.unlock(a, b));
        table.put(LinuxCall.MLOCKALL, (a, b, c, d, e, f) -> memory.lockAll(a));
        table.put(LinuxCall.MUNLOCKALL, (a, b, c, d, e, f) -> memory.unlockAll());
        table.put(LinuxCall.MINCORE, (a, b, c, d, e, f) -> memory.inCore(a, b, c));
        table.put(LinuxCall.MADVISE, (a, b, c, d, e, f) -> memory.advise(a, b, c));
        table.put(LinuxCall.REMAP_FILE_PAGES, (a, b, c, d, e, f) -> memory.remapPages(a, b, c, d, e));
        table.put(LinuxCall.RISCV_FLUSH_ICACHE, (a, b, c, d, e, f) -> memory.flushCode(c));
        table.put(LinuxCall.PROCESS_VM_READV, (a, b, c, d, e, f) -> memory.transfer(true, a, b, c, d, e, f));
        table.put(LinuxCall.PROCESS_VM_WRITEV, (a, b, c, d, e, f) -> memory.transfer(false, a, b, c, d, e, f));
        table.put(LinuxCall.MEMBARRIER, (a, b, c, d, e, f) -> barriers.barrier(a, b));
        table.put(LinuxCall.MLOCK2, (a, b, c, d, e, f) -> memory.lock2(a, b, c));
        table.put(LinuxCall.PROCESS_MADVISE, (a, b, c, d, e, f) -> memory.advise(a, b, c, d, e));
        table.put(LinuxCall.MSEAL, (a, b, c, d, e, f) -> memory.seal(a, b, c));
    }

    @SuppressWarnings("ThreadPriorityCheck") // the guest requests to yield
    private void addThreads() {
        table.put(LinuxCall.EXIT, (a, b, c, d, e, f) -> clones.exitThread(a));
        table.put(LinuxCall.EXIT_GROUP, (a, b, c, d, e, f) -> clones.exitProcess(a));
        table.put(LinuxCall.SET_TID_ADDRESS, (a, b, c, d, e, f) -> {
            thread.tidWords().clearAtEnd(a);
            return thread.tid();
        });
        table.put(LinuxCall.FUTEX, (a, b, c, d, e, f) -> futexes.futex(a, b, c, d, e, f));
        table.put(LinuxCall.FUTEX_WAITV, (a, b, c, d, e, f) -> vector.await(a, b, c, d, e));
        table.put(LinuxCall.SET_ROBUST_LIST, (a, b, c, d, e, f) -> futexes.setRobust(a, b));
        table.put(LinuxCall.GET_ROBUST_LIST, (a, b, c, d, e, f) -> futexes.getRobust(a, b, c));
        table.put(LinuxCall.PSELECT6, (a, b, c, d, e, f) -> selects.select(a, new long[] {b, c, d}, e, f));
        table.put(LinuxCall.NANOSLEEP, (a, b, c, d, e, f) -> times.sleep(1, 0, a, b));
        table.put(LinuxCall.GETITIMER, (a, b, c, d, e, f) -> times.timer(a, b));
        table.put(LinuxCall.SETITIMER, (a, b, c, d, e, f) -> times.setTimer(a, b, c));
        table.put(LinuxCall.CLOCK_GETTIME, (a, b, c, d, e, f) -> times.get(a, b));
        table.put(LinuxCall.CLOCK_GETRES, (a, b, c, d, e, f) -> times.resolution(a, b));
        table.put(LinuxCall.CLOCK_NANOSLEEP, (a, b, c, d, e, f) -> times.sleep(a, b, c, d));
        table.put(LinuxCall.SCHED_YIELD, (a, b, c, d, e, f) -> {
            Thread.yield();
            return 0;
        });
        table.put(LinuxCall.KILL, (a, b, c, d, e, f) -> signals.kill(a, b));
        table.put(LinuxCall.TKILL, (a, b, c, d, e, f) -> signals.killThread(a, b));
        table.put(LinuxCall.TGKILL, (a, b, c, d, e, f) -> signals.killThread(a, b, c));
        table.put(LinuxCall.SIGALTSTACK, (a, b, c, d, e, f) -> signals.alternateStack(a, b));
        table.put(LinuxCall.RT_SIGSUSPEND, (a, b, c, d, e, f) -> signals.suspend(a, b));
        table.put(LinuxCall.RT_SIGACTION, (a, b, c, d, e, f) -> signals.action(a, b, c, d));
        table.put(LinuxCall.RT_SIGPROCMASK, (a, b, c, d, e, f) -> signals.mask(a, b, c, d));
        table.put(LinuxCall.RT_SIGPENDING, (a, b, c, d, e, f) -> signals.pending(a, b));
        table.put(LinuxCall.RT_SIGTIMEDWAIT, (a, b, c, d, e, f) -> signals.await(a, b, c, d));
        table.put(LinuxCall.RT_SIGQUEUEINFO, (a, b, c, d, e, f) -> signals.queue(a, b, c));
        table.put(LinuxCall.RT_SIGRETURN, signals::leaveHandler);
        table.put(LinuxCall.TIMES, (a, b, c, d, e, f) -> times.times(a));
        table.put(LinuxCall.GETTIMEOFDAY, (a, b, c, d, e, f) -> times.timeOfDay(a));
        table.put(LinuxCall.GETTID, (a, b, c, d, e, f) -> thread.tid());
        table.put(LinuxCall.CLONE, (a, b, c, d, e, f) -> clones.cloneLegacy(a, b, c, d, e));
        table.put(LinuxCall.CLONE3, (a, b, c, d, e, f) -> clones.clone3(a, b));
        table.put(LinuxCall.PIDFD_OPEN, (a, b, c, d, e, f) -> pids.open(a, b));
        table.put(LinuxCall.PIDFD_SEND_SIGNAL, (a, b, c, d, e, f) -> pids.send(a, b, c, d));
        table.put(LinuxCall.EXECVE, (a, b, c, d, e, f) -> execs.execute(PathCalls.CURRENT_FOLDER, a, b, c, 0));
        table.put(LinuxCall.RT_TGSIGQUEUEINFO, (a, b, c, d, e, f) -> signals.queueThread(a, b, c, d));
        table.put(LinuxCall.EXECVEAT, (a, b, c, d, e, f) -> execs.execute(a, b, c, d, e));
    }

    private void addDescriptors() {
        table.put(LinuxCall.EVENTFD2, (a, b, c, d, e, f) -> files.event(a, b));
        table.put(LinuxCall.DUP, (a, b, c, d, e, f) -> descriptors.duplicate(a));
        table.put(LinuxCall.DUP3, (a, b, c, d, e, f) -> descriptors.duplicateTo(a, b, c));
        table.put(LinuxCall.FCNTL, (a, b, c, d, e, f) -> descriptors.control(a, b, c));
        table.put(LinuxCall.IOCTL, (a, b, c, d, e, f) -> requests.request(a, b, c));
        table.put(LinuxCall.FLOCK, (a, b, c, d, e, f) -> locks.lockWhole(a, b));
        table.put(LinuxCall.FTRUNCATE, (a, b, c, d, e, f) -> transfers.truncate(a, b));
        table.put(LinuxCall.FALLOCATE, (a, b, c, d, e, f) -> transfers.allocate(a, b, c, d));
        table.put(LinuxCall.CLOSE, (a, b, c, d, e, f) -> descriptors.close(a));
        table.put(LinuxCall.PIPE2, (a, b, c, d, e, f) -> files.pipe(a, b));
        table.put(LinuxCall.GETDENTS64, (a, b, c, d, e, f) -> transfers.entries(a, b, c));
        table.put(LinuxCall.LSEEK, (a, b, c, d, e, f) -> transfers.seek(a, b, c));
        table.put(LinuxCall.READ, (a, b, c, d, e, f) -> transfers.read(a, b, c));
        table.put(LinuxCall.WRITE, (a, b, c, d, e, f) -> transfers.write(a, b, c));
        table.put(LinuxCall.READV, (a, b, c, d, e, f) -> transfers.parts(true, a, b, c, -1));
        table.put(LinuxCall.WRITEV, (a, b, c, d, e, f) -> transfers.parts(false, a, b, c, -1));
        table.put(LinuxCall.PREAD64, (a, b, c, d, e, f) -> transfers.readAt(a, b, c, d));
        table.put(LinuxCall.PWRITE64, (a, b, c, d, e, f) -> transfers.writeAt(a, b, c, d));
        table.put(
                LinuxCall.PREADV, (a, b, c, d, e, f) -> d < 0 ? LinuxErrno.EINVAL : transfers.parts(true, a, b, c, d));
        table.put(
                LinuxCall.PWRITEV,
                (a, b, c, d, e, f) -> d < 0 ? LinuxErrno.EINVAL : transfers.parts(false, a, b, c, d));
        table.put(LinuxCall.SENDFILE, (a, b, c, d, e, f) -> transfers.send(a, b, c, d));
        table.put(LinuxCall.PPOLL, (a, b, c, d, e, f) -> descriptors.poll(a, b, c, d, e));
        table.put(LinuxCall.FSTAT, (a, b, c, d, e, f) -> status.statOf(a, b));
        table.put(LinuxCall.FSYNC, (a, b, c, d, e, f) -> transfers.sync(a));
        table.put(LinuxCall.FDATASYNC, (a, b, c, d, e, f) -> transfers.sync(a));
        table.put(LinuxCall.FADVISE64, (a, b, c, d, e, f) -> transfers.advise(a, c, d));
        table.put(LinuxCall.READAHEAD, (a, b, c, d, e, f) -> transfers.readAhead(a, c));
        table.put(LinuxCall.MEMFD_CREATE, (a, b, c, d, e, f) -> files.memoryFile(a, b));
        table.put(LinuxCall.CLOSE_RANGE, (a, b, c, d, e, f) -> descriptors.closeRange(a, b, c));
    }

    private void addPaths() {
        table.put(LinuxCall.STATFS, (a, b, c, d, e, f) -> systems.ofPath(a, b));
        table.put(LinuxCall.FSTATFS, (a, b, c, d, e, f) -> systems.ofDescriptor(a, b));
        table.put(LinuxCall.GETCWD, (a, b, c, d, e, f) -> paths.currentFolder(a, b));
        table.put(LinuxCall.MKNODAT, (a, b, c, d, e, f) -> names.makeFile(a, b, c));
        table.put(LinuxCall.MKDIRAT, (a, b, c, d, e, f) -> names.makeFolder(a, b, c));
        table.put(LinuxCall.UNLINKAT, (a, b, c, d, e, f) -> names.unlink(a, b, c));
        table.put(LinuxCall.SYMLINKAT, (a, b, c, d, e, f) -> names.symbolicLink(a, b, c));
        table.put(LinuxCall.LINKAT, (a, b, c, d, e, f) -> names.link(a, b, c, d, e));
        table.put(LinuxCall.TRUNCATE, (a, b, c, d, e, f) -> paths.truncate(a, b));
        table.put(LinuxCall.FACCESSAT, (a, b, c, d, e, f) -> status.access(a, b, c, 0));
        table.put(LinuxCall.FACCESSAT2, (a, b, c, d, e, f) -> status.access(a, b, c, d));
        table.put(LinuxCall.CHDIR, (a, b, c, d, e, f) -> paths.changeFolder(a));
        table.put(LinuxCall.FCHDIR, (a, b, c, d, e, f) -> paths.changeFolderTo(a));
        table.put(LinuxCall.FCHMOD, (a, b, c, d, e, f) -> attributes.changeModeOf(a, false, b));
        table.put(LinuxCall.FCHOWNAT, (a, b, c, d, e, f) -> attributes.changeOwner(a, b, c, d, e));
        table.put(LinuxCall.FCHOWN, (a, b, c, d, e, f) -> attributes.changeOwnerOf(a, b, c));
        table.put(LinuxCall.FCHMODAT, (a, b, c, d, e, f) -> attributes.changeMode(a, b, c));
        table.put(LinuxCall.FCHMODAT2, (a, b, c, d, e, f) -> attributes.changeModeBy(a, b, c, d));
        table.put(LinuxCall.OPENAT, (a, b, c, d, e, f) -> files.open(a, b, c, d));
        table.put(LinuxCall.READLINKAT, (a, b, c, d, e, f) -> paths.readLink(a, b, c, d));
        table.put(LinuxCall.NEWFSTATAT, (a, b, c, d, e, f) -> status.stat(a, b, c, d));
        table.put(LinuxCall.SYNC, (a, b, c, d, e, f) -> 0);
        table.put(LinuxCall.UTIMENSAT, (a, b, c, d, e, f) -> attributes.setTimes(a, b, c, d));
        table.put(LinuxCall.RENAMEAT2, (a, b, c, d, e, f) -> names.rename(a, b, c, d, e));
        table.put(LinuxCall.STATX, (a, b, c, d, e, f) -> status.extendedStat(a, b, c, d, e));
    }

    private void addProcesses() {
        table.put(LinuxCall.WAITID, (a, b, c, d, e, f) -> processes.waitId(a, b, c, d, e));
        table.put(LinuxCall.SCHED_SETAFFINITY, (a, b, c, d, e, f) -> affinities.set(a, b, c));
        table.put(LinuxCall.SCHED_GETAFFINITY, (a, b, c, d, e, f) -> affinities.get(a, b, c));
        table.put(LinuxCall.SETREGID, (a, b, c, d, e, f) -> users.setTwo(true, a, b));
        table.put(LinuxCall.SETREUID, (a, b, c, d, e, f) -> users.setTwo(false, a, b));
        table.put(LinuxCall.SETGID, (a, b, c, d, e, f) -> users.setOne(true, a));
        table.put(LinuxCall.SETUID, (a, b, c, d, e, f) -> users.setOne(false, a));
        table.put(LinuxCall.SETRESUID, (a, b, c, d, e, f) -> users.setThree(false, a, b, c));
        table.put(LinuxCall.SETRESGID, (a, b, c, d, e, f) -> users.setThree(true, a, b, c));
        table.put(LinuxCall.GETRESUID, (a, b, c, d, e, f) -> users.get(users.users(), a, b, c));
        table.put(LinuxCall.GETRESGID, (a, b, c, d, e, f) -> users.get(users.groups(), a, b, c));
        table.put(LinuxCall.SETPGID, (a, b, c, d, e, f) -> processes.setGroup(a, b));
        table.put(LinuxCall.GETPGID, (a, b, c, d, e, f) -> processes.group(a));
        table.put(LinuxCall.GETSID, (a, b, c, d, e, f) -> processes.session(a));
        table.put(LinuxCall.SETSID, (a, b, c, d, e, f) -> processes.newSession());
        table.put(LinuxCall.GETGROUPS, (a, b, c, d, e, f) -> users.getGroups(a, b));
        table.put(LinuxCall.SETGROUPS, (a, b, c, d, e, f) -> users.setGroups(a, b));
        table.put(LinuxCall.UNAME, (a, b, c, d, e, f) -> processes.name(a));
        table.put(LinuxCall.GETRLIMIT, (a, b, c, d, e, f) -> processes.getLimit(a, b));
        table.put(LinuxCall.SETRLIMIT, (a, b, c, d, e, f) -> processes.setLimit(a, b));
        table.put(LinuxCall.GETRUSAGE, (a, b, c, d, e, f) -> processes.usage(a, b));
        table.put(
                LinuxCall.UMASK, (a, b, c, d, e, f) -> thread.process().folder().umask((int) a));
        table.put(LinuxCall.PRCTL, (a, b, c, d, e, f) -> processes.control(a, b, c, d, e));
        table.put(LinuxCall.GETCPU, (a, b, c, d, e, f) -> affinities.current(a, b));
        table.put(LinuxCall.GETPID, (a, b, c, d, e, f) -> thread.process().pid());
        table.put(LinuxCall.GETPPID, (a, b, c, d, e, f) -> processes.parent());
        table.put(LinuxCall.GETUID, (a, b, c, d, e, f) -> users.users().real());
        table.put(LinuxCall.GETEUID, (a, b, c, d, e, f) -> users.users().effective());
        table.put(LinuxCall.GETGID, (a, b, c, d, e, f) -> users.groups().real());
        table.put(LinuxCall.GETEGID, (a, b, c, d, e, f) -> users.groups().effective());
        table.put(LinuxCall.SYSINFO, (a, b, c, d, e, f) -> processes.systemInfo(a));
        table.put(LinuxCall.WAIT4, (a, b, c, d, e, f) -> processes.wait4(a, b, c, d));
        table.put(LinuxCall.PRLIMIT64, (a, b, c, d, e, f) -> processes.limit(a, b, c, d));
        table.put(LinuxCall.GETRANDOM, (a, b, c, d, e, f) -> processes.random(a, b, c));
    }
}
