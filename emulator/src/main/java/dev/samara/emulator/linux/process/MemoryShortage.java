// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.SpaceIdentity;
import dev.samara.core.VictimScore;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.linux.memory.ProcessMemory;
import dev.samara.emulator.linux.signal.SignalInfo;
import java.util.List;
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

    /** How long a victim may take to end or to lose its pages. Its end may need a lock of a thread that needs memory. */
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
        return space.number() == victimSpace() ? pages : NONE;
    }

    /**
     * Waits briefly for memory, after an access found none. Called by the thread of the access, outside GUEST.
     *
     * @return whether the access must be retried; false if the thread must end, e.g. because its process is the victim
     */
    boolean await(GuestThread thread) {
        if (!thread.mustEnd()) {
            // The machine has found no space to reap. This also holds if the victim has no private pages.
            victimSpace();
        }
        if (!thread.mustEnd()) {
            // Bounded, because the thread may hold locks that the victim needs for its end.
            thread.park(System.nanoTime() + PAUSE_NANOS);
        }
        return !thread.mustEnd();
    }

    /** Returns the number of the victim's space, after choosing a victim if there is none; NONE if nothing is left. */
    private long victimSpace() {
        GuestProcess killed = null;
        long space = NONE;
        synchronized (this) {
            ProcessMemory dying = victim;
            if (dying == null || isOver(dying)) {
                List<GuestProcess> living = tree == null ? List.of() : tree.living();
                killed = largest(living);
                dying = killed == null ? null : killed.memory();
                victim = dying;
                killedNanos = System.nanoTime();
                isReaped = false;
                kill(living, dying);
            }
            space = dying == null ? NONE : dying.spaceNumber();
        }
        if (killed != null) {
            reports.outOfMemory(killed.pid());
        }
        return space;
    }

    @GuardedBy("this")
    private boolean isOver(ProcessMemory dying) {
        // A reap also ends when the teardown of the space has taken the pages, and these are not free yet.
        return dying.isClosed() || (isReaped && !dying.isClosing()) || System.nanoTime() - killedNanos > LONGEST_NANOS;
    }

    /** Returns the process with the most resident pages and page tables, the newest of several; null if none is left. */
    private static @Nullable GuestProcess largest(List<GuestProcess> living) {
        GuestProcess largest = null;
        long most = 0;
        for (GuestProcess each : living) {
            ProcessMemory memory = each.memory();
            long tables = memory.space().pageTableBytes() / ProgramLoader.GEOMETRY.pageSize();
            long pages = memory.space().residency().resident() + tables;
            if (pages >= most && !each.isExiting()) {
                largest = each;
                most = pages;
            }
        }
        return largest;
    }

    private static void kill(List<GuestProcess> living, @Nullable ProcessMemory memory) {
        for (GuestProcess each : living) {
            if (memory != null && each.memory().identity() == memory.identity()) {
                each.kill(SignalInfo.KILL);
            }
        }
    }
}
