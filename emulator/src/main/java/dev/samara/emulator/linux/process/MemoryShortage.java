// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.SpaceIdentity;
import dev.samara.core.VictimScore;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.linux.memory.ProcessMemory;
import dev.samara.emulator.linux.process.GuestSystem.GuestReports;
import dev.samara.emulator.linux.signal.PendingSignals.SignalInfo;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Kills the process with the most resident memory when no frame, or no room for a page table, is left ({@code
 * oom_kill_process}). The machine takes the victim's private pages, and the access that needed memory is retried. The
 * next victim is chosen when the memory of the present one is gone, or was taken, or does not become free for too long,
 * because e.g. it is shared with other processes.
 *
 * <p>Processes that share their memory are killed together. Thread-safe. The lock is acquired before the locks of the
 * process tree and of a process.
 */
public final class MemoryShortage implements VictimScore {
    private static final long PAUSE_NANOS = 1_000_000;

    /** How long a victim may take to end or to lose its pages. Its end may need a lock of a thread without memory. */
    private static final long LONGEST_NANOS = 10_000_000_000L;

    private static final long NONE = -1;

    private final GuestReports reports;

    @GuardedBy("this")
    private @Nullable ProcessTree tree;

    /** The memory of the latest victim; null before the first one. */
    @GuardedBy("this")
    private @Nullable ProcessMemory victim;

    @GuardedBy("this")
    private long killedNanos;

    /**
     * The threads whose accesses have found no memory since the memory of the latest victim was free. Only they choose
     * the next victim, because other threads may have found no memory before that. Thread IDs.
     */
    @GuardedBy("this")
    private final Set<Long> witnesses = new HashSet<>();

    /** Whether the machine has ended its reap of the victim. */
    @GuardedBy("this")
    private boolean isReaped;

    public MemoryShortage(GuestReports reports) {
        this.reports = reports;
    }

    /** Sets the processes from which victims are chosen. Called before there are processes. */
    synchronized void chooseFrom(ProcessTree processes) {
        tree = processes;
    }

    /** Called when the machine has taken the private pages of the latest victim, or has failed to take them. */
    public synchronized void reaped() {
        isReaped = true;
    }

    @Override
    public long score(SpaceIdentity space, long pages) {
        return space.number() == victimSpace(false) ? pages : NONE;
    }

    /**
     * Waits briefly for memory, after an access found none. Called by the thread of the access, outside GUEST.
     *
     * @return whether the access must be retried; false if the thread must end, e.g. because its process is the victim
     */
    boolean await(GuestThread thread) {
        if (!thread.mustEnd()) {
            // The machine has found no space to reap. This also holds if the victim has no private pages.
            victimSpace(true);
        }
        if (!thread.mustEnd()) {
            // Bounded, because the thread may hold locks that the victim needs for its end.
            thread.park(System.nanoTime() + PAUSE_NANOS);
        }
        return !thread.mustEnd();
    }

    /**
     * Returns the number of the victim's space. Chooses a victim if there is none and the calling thread is a witness.
     *
     * @param isAfterAccess whether an access of the thread has failed, so that the thread becomes a witness
     * @return the number; NONE if there is no victim
     */
    private long victimSpace(boolean isAfterAccess) {
        GuestProcess killed = null;
        long space = NONE;
        synchronized (this) {
            long thread = Thread.currentThread().getId();
            ProcessMemory dying = victim;
            if (dying == null || isOver(dying)) {
                killed = witnesses.contains(thread) ? kill() : null;
                dying = killed == null ? null : victim;
            }
            if (dying != null) {
                space = dying.spaceNumber;
            } else if (isAfterAccess) {
                witnesses.add(thread);
            }
        }
        if (killed != null) {
            reports.outOfMemory(killed.pid);
        }
        return space;
    }

    /** Chooses a victim and kills it; returns null if no process is left. */
    @GuardedBy("this")
    private @Nullable GuestProcess kill() {
        List<GuestProcess> living = tree == null ? List.of() : tree.living();
        GuestProcess largest = largest(living);
        if (largest != null) {
            ProcessMemory memory = largest.memory();
            victim = memory;
            killedNanos = System.nanoTime();
            isReaped = false;
            witnesses.clear();
            for (GuestProcess each : living) {
                if (each.memory().identity() == memory.identity()) {
                    each.kill(SignalInfo.KILL);
                }
            }
        }
        return largest;
    }

    @GuardedBy("this")
    private boolean isOver(ProcessMemory dying) {
        // A reap also ends when the teardown of the space has taken the pages, and these are not free yet.
        return dying.isClosed() || (isReaped && !dying.isClosing()) || System.nanoTime() - killedNanos > LONGEST_NANOS;
    }

    /** Returns the process with the most resident pages and page tables, the newest of several; null if none lives. */
    private static @Nullable GuestProcess largest(List<GuestProcess> living) {
        GuestProcess largest = null;
        long most = 0;
        for (GuestProcess each : living) {
            ProcessMemory memory = each.memory();
            long tables = memory.space.pageTableBytes() / ProgramLoader.GEOMETRY.pageSize();
            long pages = memory.space.residency().resident() + tables;
            if (pages >= most && !each.isExiting()) {
                largest = each;
                most = pages;
            }
        }
        return largest;
    }
}
