// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Resource;
import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.WaitStatus;
import dev.samara.emulator.linux.debug.Debugger;
import dev.samara.emulator.linux.debug.Debugger.DebuggedProcess;
import dev.samara.emulator.linux.file.DescriptorTable;
import dev.samara.emulator.linux.file.GuestNames.WorkingFolder;
import dev.samara.emulator.linux.memory.ProcessMemory;
import dev.samara.emulator.linux.process.ProgramStart.ProgramNames;
import dev.samara.emulator.linux.signal.AlarmTimer;
import dev.samara.emulator.linux.signal.PendingSignals;
import dev.samara.emulator.linux.signal.PendingSignals.SignalInfo;
import dev.samara.emulator.linux.signal.SignalActions;
import dev.samara.emulator.linux.signal.SignalActions.SignalMask;
import dev.samara.emulator.linux.signal.SignalDelivery;
import dev.samara.emulator.linux.signal.SignalDelivery.SignalProcess;
import dev.samara.emulator.linux.wait.WaitList;
import dev.samara.emulator.linux.wait.WaitList.WaitingThread;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A process of the guest: memory, descriptors, signal actions and threads. After its last thread has ended, it is a
 * zombie until its parent has waited for it. Its parent, group and session are recorded in {@link ProcessTree}.
 */
public final class GuestProcess implements SignalProcess {

    public final GuestSystem system;
    public final int pid;
    public final DescriptorTable files;
    public final WorkingFolder folder;
    private final PendingSignals pending;
    private final Object signals;

    /** The real-time timer ({@code ITIMER_REAL}). */
    public final AlarmTimer realTimer;

    public final WaitList childEnds = new WaitList();

    /** Woken when a thread or this process ends, or when this process was reaped. */
    final WaitList ends = new WaitList();

    /** The parent of a vfork waits here until this process no longer uses its memory. */
    private final WaitList releases = new WaitList();

    /** Threads that changed code wait here until no other thread executes the old code. */
    private final WaitList codeWaiters = new WaitList();

    private final Set<GuestThread> threads = new LinkedHashSet<>();

    public final ResourceLimits limits;

    /** The CPU time of this process and of its children. */
    public final UsedTime used = new UsedTime();

    /** When this process was created, as {@link GuestSystem#uptimeNanos}. */
    final long started = GuestSystem.uptimeNanos();

    /**
     * Words: {@code memory}, {@code program}, {@code leaderMask}, {@code isMemoryReleased}, {@code isExiting}.
     * Written: a thread that executes another program, and is the only thread (volatile); {@code leaderMask} also by
     *     the thread that creates the first thread; {@code isExiting} by any thread, holding the process's monitor
     *     (volatile).
     * Read: any thread (volatile).
     * Invariant: {@code isExiting} and {@code isMemoryReleased} stay set; the exit status is written before {@code
     *     isExiting}.
     */
    private volatile ProcessMemory memory;

    private volatile ProgramNames program;

    /** The mask of the first thread, or of the thread that ended all other threads. */
    private volatile SignalMask leaderMask = new SignalMask(0);

    private volatile boolean isMemoryReleased;
    private volatile boolean isExiting;
    private int exitStatus;

    /** Guarded by the lock of the signals, as is its content. Replaced by execve. */
    private SignalActions actions;

    /** The signal that the parent receives when this process ends, or 0. */
    private int endSignal;

    /** The debugger, set before the first thread is created; null if there is none. */
    private @Nullable Debugger debugger;

    public GuestProcess(
            GuestSystem system,
            int pid,
            ProcessMemory memory,
            ProgramNames program,
            DescriptorTable files,
            WorkingFolder folder,
            SignalActions actions,
            ResourceLimits limits,
            int endSignal) {
        this.system = system;
        this.pid = pid;
        this.memory = memory;
        this.program = program;
        this.files = files;
        this.folder = folder;
        this.actions = actions;
        signals = actions.lock;
        this.limits = new ResourceLimits(limits);
        this.endSignal = endSignal;
        pending = new PendingSignals(system.signalRoom);
        realTimer = new AlarmTimer(system::timers, () -> ring(SignalInfo.ALRM));
    }

    /** Attaches a debugger to this process. Called before the process has a thread. */
    public void beginDebugging(Debugger controlling) {
        debugger = controlling;
        controlling.begins(new ProcessView(this));
    }

    @Nullable
    Debugger debugger() {
        return debugger;
    }

    @Override
    public ProcessMemory memory() {
        return memory;
    }

    public ProgramNames program() {
        return program;
    }

    @Override
    public SignalActions actions() {
        return actions;
    }

    @Override
    public Object signals() {
        return signals;
    }

    @Override
    public PendingSignals pending() {
        return pending;
    }

    @Override
    public void discard(long set) {
        pending.discard(set);
        snapshot().forEach(each -> each.pending().discard(set));
    }

    /** Sends the signal of a timer. */
    private void ring(int signal) {
        SignalDelivery.send(this, SignalInfo.ofKernel(signal));
    }

    public int endSignal() {
        return endSignal;
    }

    @Override
    public @Nullable GuestThread taker(long bit) {
        for (GuestThread each : snapshot()) {
            if ((each.mask().get() & bit) == 0) {
                return each;
            }
        }
        return null;
    }

    @Override
    public SignalMask leaderMask() {
        return leaderMask;
    }

    /** Returns the limit of descriptor numbers (exclusive). */
    public int descriptorLimit() {
        long soft = limits.soft(ResourceLimits.FILES);
        return Long.compareUnsigned(soft, GuestLimits.DESCRIPTORS) < 0 ? (int) soft : GuestLimits.DESCRIPTORS;
    }

    /**
     * Sets a limit. The soft limit must not exceed the hard limit. Returns false if this would raise the hard limit.
     */
    public synchronized boolean setLimit(int number, long soft, long hard) {
        if (!limits.set(number, soft, hard)) {
            return false;
        }
        Resource resource = ResourceLimits.resource(number);
        if (resource != null) {
            try {
                memory.space.setLimit(resource, soft);
            } catch (MmException ended) {
                // A zombie has limits, but no memory.
            }
        }
        return true;
    }

    /** Returns whether all threads are waiting at this moment. */
    synchronized boolean isWaiting() {
        return threads.stream().allMatch(GuestThread::isWaiting);
    }

    /** Returns the CPU time that the threads of this process used, in nanoseconds. */
    public synchronized long usedNanos() {
        return used.own(threads.stream().toList());
    }

    /**
     * Replaces the memory and the program, as {@code execve} does. The caller is the only thread, and has left the old
     * memory.
     */
    public void become(ProcessMemory next, ProgramNames names) {
        memory = next;
        program = names;
        endSignal = SignalInfo.CHLD;
        synchronized (signals) {
            actions = actions.unshared();
            actions.forgetHandlers();
        }
        releaseMemory();
    }

    private void releaseMemory() {
        isMemoryReleased = true;
        releases.wakeAll();
    }

    /** Waits until this child no longer uses the memory of its parent, or until the parent must end. */
    public void awaitRelease(GuestThread parent) {
        releases.add(parent);
        try {
            while (!isMemoryReleased && !parent.mustEnd()) {
                parent.park(WaitingThread.NEVER);
            }
        } finally {
            releases.remove(parent);
        }
    }

    /** Adds the first thread. */
    public synchronized void addFirst(GuestThread thread) {
        threads.add(thread);
        leaderMask = thread.mask();
    }

    /**
     * Adds a thread that another thread of this process created. Returns false, and adds nothing, if the creator must
     * end.
     */
    public synchronized boolean add(GuestThread thread, GuestThread creator) {
        return !creator.mustEnd() && threads.add(thread);
    }

    public synchronized int threads() {
        return threads.size();
    }

    synchronized List<GuestThread> snapshot() {
        return new ArrayList<>(threads);
    }

    public @Nullable GuestThread find(int tid) {
        for (GuestThread each : snapshot()) {
            if (each.tid() == tid) {
                return each;
            }
        }
        return null;
    }

    @Override
    public void wakeAll() {
        snapshot().forEach(GuestThread::wake);
    }

    public boolean isExiting() {
        return isExiting;
    }

    public synchronized int exitStatus() {
        return exitStatus;
    }

    /** Ends this process with all its threads, unless it is already ending. May be called by any thread. */
    public void exit(int status) {
        synchronized (this) {
            if (isExiting) {
                return;
            }
            exitStatus = status;
            isExiting = true;
        }
        wakeAll();
        ends.wakeAll();
    }

    @Override
    public void kill(int signal) {
        // As with a core_pattern that pipes the dump to a program, the status reports a dump, but no file is created.
        exit(WaitStatus.killed(signal, SignalInfo.dumps(signal) && limits.allowDump()));
    }

    /** Ends all other threads, and waits until they have ended. Returns false if the caller itself must end. */
    public boolean endOthers(GuestThread caller) {
        synchronized (this) {
            if (caller.mustEnd()) {
                // Another thread was first. Without this check, two threads could end each other, and none would be
                // left.
                return false;
            }
            // Done under the lock, so that none of them can add another thread afterwards.
            threads.forEach(each -> {
                if (each != caller) {
                    each.kill();
                }
            });
        }
        ends.add(caller);
        try {
            while (threads() > 1) {
                if (caller.mustEnd()) {
                    return false;
                }
                caller.park(WaitingThread.NEVER);
            }
            boolean isLeft = !caller.mustEnd();
            leaderMask = isLeft ? caller.mask() : leaderMask;
            return isLeft;
        } finally {
            ends.remove(caller);
        }
    }

    /** Called when a thread has ended and its CPU is closed. The last thread ends the process. */
    void ended(GuestThread thread) {
        boolean isLast;
        synchronized (this) {
            used.add(thread.usedNanos());
            threads.remove(thread);
            isLast = threads.isEmpty();
            if (isLast) {
                isExiting = true;
            }
        }
        ends.wakeAll();
        if (isLast) {
            end();
        }
    }

    /** Releases the resources of this process. Its status stays available to its parent. */
    void end() {
        system.ending(this);
        if (debugger != null) {
            debugger.exits(exitStatus());
        }
        realTimer.set(0, 0);
        synchronized (signals) {
            pending.close();
        }
        // In the order of do_exit: a process that waits until a descriptor is closed may then write the program's file.
        memory.close();
        files.closeAll();
        system.unnamed.freeSome();
        releaseMemory();
        system.tree.ended(this);
    }

    /** Makes all threads drop their decoded blocks. Returns when no thread executes an old block any more. */
    public void changedCode(GuestThread caller) {
        List<GuestThread> others = snapshot();
        others.forEach(GuestThread::changedCode);
        memory.space.membarrier();
        // A thread may still continue an old block after the membarrier, because one of the block's accesses may have
        // left GUEST.
        codeWaiters.add(caller);
        try {
            while (!caller.mustEnd() && others.stream().anyMatch(GuestThread::mayRunOldCode)) {
                caller.park(WaitingThread.NEVER);
            }
        } finally {
            codeWaiters.remove(caller);
        }
    }

    /** Called after a thread has left old code that it may have executed. */
    void leftOldCode() {
        codeWaiters.wakeAll();
    }

    /** The limits of a process ({@code struct rlimit}), by their numbers. -1 means no limit. Thread-safe. */
    public static final class ResourceLimits {
        /** The number of limits. */
        public static final int COUNT = 16;

        /** The number of the descriptor limit, {@code RLIMIT_NOFILE}. */
        public static final int FILES = 7;

        /** The number of the stack limit, {@code RLIMIT_STACK}. */
        public static final int STACK = 3;

        /** The number of the limit of locked memory, {@code RLIMIT_MEMLOCK}. */
        public static final int LOCKED = 8;

        private static final int CORE = 4;

        /** The minimum core limit, in bytes, with which a kernel dumps memory. */
        private static final long LEAST_DUMP = 4096;

        private static final long NONE = -1;
        private static final long STACK_BYTES = 8L << 20;

        /** The limits that an address space enforces. */
        private static final Map<Integer, Resource> OF_SPACE =
                Map.of(2, Resource.DATA, STACK, Resource.STACK, LOCKED, Resource.MEMLOCK, 9, Resource.AS);

        private final long[] soft = new long[COUNT];
        private final long[] hard = new long[COUNT];

        /** Creates the limits of the first process, with the initial values of Linux. */
        public ResourceLimits() {
            Arrays.fill(soft, NONE);
            Arrays.fill(hard, NONE);
            soft[CORE] = 0;
            soft[STACK] = STACK_BYTES;
            soft[LOCKED] = STACK_BYTES;
            hard[LOCKED] = STACK_BYTES;
            soft[FILES] = GuestLimits.DESCRIPTORS;
            hard[FILES] = GuestLimits.DESCRIPTORS;
        }

        ResourceLimits(ResourceLimits parent) {
            synchronized (parent) {
                System.arraycopy(parent.soft, 0, soft, 0, COUNT);
                System.arraycopy(parent.hard, 0, hard, 0, COUNT);
            }
        }

        /** Returns the limit of an address space with a number; null for any other limit. */
        static @Nullable Resource resource(int number) {
            return OF_SPACE.get(number);
        }

        public synchronized long soft(int number) {
            return soft[number];
        }

        public synchronized long hard(int number) {
            return hard[number];
        }

        /** Whether the core limit permits a dump of memory. */
        synchronized boolean allowDump() {
            return Long.compareUnsigned(soft[CORE], LEAST_DUMP) >= 0;
        }

        /**
         * Sets a limit. The soft limit must not exceed the hard limit. Returns false if this would raise the hard
         * limit.
         */
        synchronized boolean set(int number, long softer, long harder) {
            if (Long.compareUnsigned(harder, hard[number]) > 0) {
                return false;
            }
            soft[number] = softer;
            hard[number] = harder;
            return true;
        }

        /** Returns the soft limits that the address space of the process enforces. */
        public synchronized Map<Resource, Long> ofSpace() {
            Map<Resource, Long> limits = new EnumMap<>(Resource.class);
            OF_SPACE.forEach((number, resource) -> {
                if (soft[number] != NONE) {
                    limits.put(resource, soft[number]);
                }
            });
            return limits;
        }
    }

    /** A process as its debugger sees it. */
    static final class ProcessView implements DebuggedProcess {
        private final GuestProcess process;

        ProcessView(GuestProcess process) {
            this.process = process;
        }

        @Override
        public int pid() {
            return process.pid;
        }

        @Override
        public AddressSpace space() {
            return process.memory().space;
        }

        @Override
        public byte[] auxiliary() {
            return process.memory().auxiliary();
        }

        @Override
        public String program() {
            return process.program().path();
        }

        @Override
        public byte @Nullable [] procFile(String path) {
            String own = ProcFiles.own(process, path);
            return own == null ? null : ProcFiles.bytesOrNull(process, own);
        }

        @Override
        public @Nullable FileChannel openHostFile(String path) throws IOException {
            synchronized (process.system.names) {
                Path host = process.system.root.resolve("/", path, true).host();
                return host != null && Files.isRegularFile(host) && Files.isReadable(host)
                        ? FileChannel.open(host)
                        : null;
            }
        }

        @Override
        public void kill() {
            process.kill(SignalInfo.KILL);
        }

        @Override
        public void send(int signal) {
            SignalDelivery.send(process, SignalInfo.sent(signal, SignalInfo.SI_USER, 0, 0));
        }
    }

    /**
     * The CPU time of a process in nanoseconds. It is the CPU time of the process's host threads, including translated
     * code and system calls. The CPU time of the translator and of the library's own threads is not charged to any
     * process. Thread-safe.
     */
    public static final class UsedTime {
        private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

        private long ended;
        private long children;

        UsedTime() {}

        /** Returns the CPU time that a thread of the host used so far; 0 if the thread has ended. */
        static long of(Thread thread) {
            return Math.max(THREADS.getThreadCpuTime(thread.getId()), 0);
        }

        /** Adds the CPU time of a thread that ends. */
        synchronized void add(long nanos) {
            ended += nanos;
        }

        /** Adds the CPU time of a child and of the child's children, when the child is reaped. */
        void addChild(UsedTime child) {
            long used;
            synchronized (child) {
                used = child.ended + child.children;
            }
            synchronized (this) {
                children += used;
            }
        }

        /** Returns the CPU time of the given threads and of the threads that have ended. */
        synchronized long own(List<GuestThread> living) {
            return ended + living.stream().mapToLong(GuestThread::usedNanos).sum();
        }

        /** Returns the CPU time of the children that were reaped. */
        public synchronized long children() {
            return children;
        }
    }
}
