// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

import dev.samara.core.mman.Resource;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A process of the guest: memory, descriptors, signal actions and threads. After its last thread has ended, it is a
 * zombie until its parent has waited for it. What belongs to the tree of processes is in {@link ProcessTree}.
 */
final class GuestProcess {
    private static final long NO_LIMIT = -1;

    private final Emulation emulation;
    private final int pid;
    private final DescriptorTable files;
    private final WorkingFolder folder;
    private final SignalActions actions;
    private final PendingSignals pending = new PendingSignals();
    private final Object signals = new Object();
    private final AlarmTimer timer = new AlarmTimer(this);
    private final WaitList childEnds = new WaitList();
    private final WaitList threadEnds = new WaitList();

    /** The parent of a vfork waits here until this process no longer uses its memory. */
    private final WaitList releases = new WaitList();

    private final Set<GuestThread> threads = new LinkedHashSet<>();

    private final Map<Resource, Long> limits;

    private volatile ProcessMemory memory;
    private volatile ProgramNames program;
    private volatile boolean isMemoryReleased;
    private volatile boolean isExiting;
    private int exitStatus;

    /** The signal that the parent gets at the end, or 0. */
    private int endSignal;

    /** The debugger, set before the first thread is made; null without one. */
    private @Nullable Debugging debugger;

    GuestProcess(
            Emulation emulation,
            int pid,
            ProcessMemory memory,
            ProgramNames program,
            DescriptorTable files,
            WorkingFolder folder,
            SignalActions actions,
            Map<Resource, Long> limits,
            int endSignal) {
        this.emulation = emulation;
        this.pid = pid;
        this.memory = memory;
        this.program = program;
        this.files = files;
        this.folder = folder;
        this.actions = actions;
        this.limits = new EnumMap<>(Resource.class);
        this.limits.putAll(limits);
        this.endSignal = endSignal;
    }

    Emulation emulation() {
        return emulation;
    }

    /** Has a debugger control the threads of this process, before there is one. */
    void beginDebugging(Debugging controlling) {
        debugger = controlling;
        controlling.begins(new DebuggedProcess(this));
    }

    @Nullable
    Debugging debugger() {
        return debugger;
    }

    int pid() {
        return pid;
    }

    ProcessMemory memory() {
        return memory;
    }

    ProgramNames program() {
        return program;
    }

    DescriptorTable files() {
        return files;
    }

    WorkingFolder folder() {
        return folder;
    }

    SignalActions actions() {
        return actions;
    }

    /** The lock of actions and pending signals. */
    Object signals() {
        return signals;
    }

    PendingSignals pending() {
        return pending;
    }

    AlarmTimer timer() {
        return timer;
    }

    WaitList childEnds() {
        return childEnds;
    }

    int endSignal() {
        return endSignal;
    }

    /** Whether each thread blocks a signal, so that it has to be kept although it is ignored now. */
    boolean isBlocked(int signal) {
        for (GuestThread each : snapshot()) {
            if ((each.mask().get() & SignalInfo.bit(signal)) == 0) {
                return false;
            }
        }
        return true;
    }

    /** Returns a soft limit; -1 for none. */
    synchronized long limit(Resource resource) {
        return limits.getOrDefault(resource, NO_LIMIT);
    }

    synchronized Map<Resource, Long> limits() {
        return new EnumMap<>(limits);
    }

    synchronized void setLimit(Resource resource, long bytes) {
        limits.put(resource, bytes);
        memory.space().setLimit(resource, bytes);
    }

    /** Replaces memory and program, as {@code execve} does; the caller is the only thread, and has left the old one. */
    void become(ProcessMemory next, ProgramNames names) {
        memory = next;
        program = names;
        endSignal = SignalInfo.CHLD;
        synchronized (signals) {
            actions.forgetHandlers();
        }
        releaseMemory();
    }

    private void releaseMemory() {
        isMemoryReleased = true;
        releases.wakeAll();
    }

    /** Waits until this child no longer uses the memory of its parent, or the parent has to end. */
    void awaitRelease(GuestThread parent) {
        releases.add(parent);
        try {
            while (!isMemoryReleased && !parent.mustEnd()) {
                parent.park(GuestThread.NEVER);
            }
        } finally {
            releases.remove(parent);
        }
    }

    /** Adds a thread; returns false if this process is ending, or the creator is. */
    synchronized boolean add(GuestThread thread) {
        return !isExiting && threads.add(thread);
    }

    synchronized int threads() {
        return threads.size();
    }

    synchronized List<GuestThread> snapshot() {
        return new ArrayList<>(threads);
    }

    @Nullable
    GuestThread find(int tid) {
        for (GuestThread each : snapshot()) {
            if (each.tid() == tid) {
                return each;
            }
        }
        return null;
    }

    void wakeAll() {
        snapshot().forEach(GuestThread::wake);
    }

    boolean isExiting() {
        return isExiting;
    }

    synchronized int exitStatus() {
        return exitStatus;
    }

    /** Ends this process, all of its threads, unless it is ending. For any thread. */
    void exit(int status) {
        synchronized (this) {
            if (isExiting) {
                return;
            }
            exitStatus = status;
            isExiting = true;
        }
        wakeAll();
        threadEnds.wakeAll();
    }

    /** Ends all other threads, and waits for that; returns false if the caller has to end itself. */
    boolean endOthers(GuestThread caller) {
        for (GuestThread each : snapshot()) {
            if (each != caller) {
                each.kill();
            }
        }
        threadEnds.add(caller);
        try {
            while (threads() > 1) {
                if (caller.mustEnd()) {
                    return false;
                }
                caller.park(GuestThread.NEVER);
            }
            return !caller.mustEnd();
        } finally {
            threadEnds.remove(caller);
        }
    }

    /** A thread has ended: its CPU is closed. The last one ends the process. */
    void ended(GuestThread thread) {
        boolean isLast;
        synchronized (this) {
            threads.remove(thread);
            isLast = threads.isEmpty();
            if (isLast) {
                isExiting = true;
            }
        }
        threadEnds.wakeAll();
        if (isLast) {
            end();
        }
    }

    /** Gives up what this process has. Its status stays for its parent. */
    void end() {
        emulation.ending(this);
        if (debugger != null) {
            debugger.exits(exitStatus());
        }
        timer.set(0, 0);
        files.closeAll();
        memory.close();
        emulation.unnamedMemory().freeSome();
        releaseMemory();
        emulation.tree().ended(this);
    }

    /** Has all threads drop their decoded blocks before they run the next one, and waits for that. */
    void changedCode() {
        snapshot().forEach(GuestThread::changedCode);
        // Each CPU polls or is outside GUEST, and looks after that.
        memory.space().membarrier();
    }
}
