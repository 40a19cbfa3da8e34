// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Report;
import dev.samara.core.internal.fault.Populate;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.op.Retirement;
import dev.samara.core.internal.sync.Background;
import dev.samara.core.internal.sync.Gate;
import dev.samara.core.internal.sync.Uncaught;
import dev.samara.core.internal.sync.WaitingCall;
import dev.samara.core.internal.sync.WaitingCalls;
import dev.samara.core.internal.tlb.Memory;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What all address spaces of one machine share: the settings of the system, and the memory committed so far.
 *
 * <p>The committed count is charged before a change is published and settled after, so it never runs behind what the
 * layouts hold; it may be read at any time.
 */
public final class MachineState {
    /** No commit limit. */
    public static final long UNLIMITED = -1;

    /**
     * What a machine may set.
     *
     * @param maxMapCount {@code vm.max_map_count}
     * @param stackGuardPages {@code stack_guard_gap}, in pages
     * @param commitLimitBytes the commit limit in bytes, or {@link #UNLIMITED}
     * @param longWaitNanos after which a wait for a range in transit is reported
     * @param reporter who is told what no caller can be told
     * @param retirement what else is done where pages are taken away
     * @param locks makes the layout lock of each space
     * @param memories makes the memory for a page size, given as its binary logarithm; null for a machine without
     *     memory
     * @param populator who faults in what operations promise
     */
    public record Settings(
            int maxMapCount,
            long stackGuardPages,
            long commitLimitBytes,
            long longWaitNanos,
            Consumer<? super Report> reporter,
            RetirementHook retirement,
            Supplier<ReentrantLock> locks,
            @Nullable MemoryMaker memories,
            Populate.Populator populator) {}

    /** Makes the memory of a machine. */
    @FunctionalInterface
    public interface MemoryMaker {
        /**
         * Makes memory with pages of one size.
         *
         * @param host whom it is for
         * @param pageShift binary logarithm of the page size
         * @return a new memory
         */
        Memory make(MachineState host, int pageShift);
    }

    private final int maxMapCount;
    private final long stackGuardPages;
    private final long commitLimitBytes;

    /** In bytes, since spaces of one machine may differ in page size. */
    private final AtomicLong committed = new AtomicLong();

    /** Numbers the anonymous shared objects. */
    private final AtomicLong inodes = new AtomicLong();

    private final long longWaitNanos;
    private final Consumer<? super Report> reporter;
    private final RetirementHook retirement;
    private final Supplier<ReentrantLock> locks;
    private final @Nullable MemoryMaker memories;
    private final Populate.Populator populator;

    /**
     * By the binary logarithm of the page size; made when a first space needs it, under the monitor of this. Read
     * without it: an embedder that makes a store may take its time.
     */
    private final AtomicReferenceArray<@Nullable Memory> made = new AtomicReferenceArray<>(Long.SIZE);

    private final Spaces spaces = new Spaces();

    private final Background background = new Background(this::reportFailedTask);
    private final WaitingCalls waitingCalls = new WaitingCalls(background);

    /**
     * Makes a machine's common part.
     *
     * @param settings its settings
     */
    public MachineState(Settings settings) {
        maxMapCount = settings.maxMapCount();
        stackGuardPages = settings.stackGuardPages();
        commitLimitBytes = settings.commitLimitBytes();
        longWaitNanos = settings.longWaitNanos();
        reporter = settings.reporter();
        retirement = settings.retirement();
        locks = settings.locks();
        memories = settings.memories();
        populator = settings.populator();
    }

    /**
     * The machine's threads.
     *
     * @return an executor whose tasks may hang without harm to others
     */
    public Background background() {
        return background;
    }

    /**
     * Waits until threads of the machine have nothing to do.
     *
     * @throws InterruptedException if the thread is interrupted meanwhile
     * @throws IllegalStateException if a thread of the machine calls this, or what retires an operation, on any thread
     */
    public void awaitQuiescence() throws InterruptedException {
        InFlightRange inside = InFlightRange.ofThisThread();
        if (inside != null) {
            throw new IllegalStateException("a wait for quiescence was called by what retires " + inside
                    + ", and would have to wait for threads of the machine, which may wait for that operation");
        }
        waitingCalls.attendAgain();
        background.awaitQuiescence();
    }

    /** The calls that go on once a CPU, a copy or a grace period lets them, or after a pause. */
    public WaitingCalls waitingCalls() {
        return waitingCalls;
    }

    /** Has a thread of the machine go on with a call. Where there is no memory for a task, the call is listed. */
    public void submit(WaitingCall call) {
        try {
            background.execute(call);
        } catch (OutOfMemoryError exhausted) {
            waitingCalls.add(call);
        }
    }

    /**
     * The machine's spaces.
     *
     * @return always the same
     */
    public Spaces spaces() {
        return spaces;
    }

    /**
     * Closes the machine: gives the pages of all files back, and lets its memory and its threads go.
     *
     * @throws IllegalStateException if a space is in use or loaded; nothing is changed then
     */
    public void close() {
        if (!spaces.close()) {
            return;
        }
        List<Memory> memories = new ArrayList<>();
        synchronized (this) {
            for (int i = 0; i < made.length(); i++) {
                Memory memory = made.getAndSet(i, null);
                if (memory != null) {
                    memories.add(memory);
                }
            }
        }
        memories.forEach(memory -> memory.caches().endAll());
        background.endWhenQuiet();
    }

    /**
     * The memory for a page size.
     *
     * @param pageShift binary logarithm of the page size
     * @return always the same, or null if the machine has none
     * @throws IllegalStateException if the machine is closed
     */
    public @Nullable Memory memory(int pageShift) {
        spaces.checkOpen();
        Memory known = made.get(pageShift);
        return known != null || memories == null ? known : make(memories, pageShift);
    }

    private synchronized Memory make(MemoryMaker maker, int pageShift) {
        // Again: closing may have taken what was made.
        spaces.checkOpen();
        Memory memory = made.get(pageShift);
        if (memory == null) {
            memory = maker.make(this, pageShift);
            made.set(pageShift, memory);
        }
        return memory;
    }

    /** Has threads of the machine give back what unreachable page caches have left. */
    public void endUnreachableCaches() {
        for (int i = 0; i < made.length(); i++) {
            Memory memory = made.get(i);
            if (memory != null) {
                memory.caches().endUnreachable(background);
            }
        }
    }

    /** The memory that the pages of a VMA's backing are in; null for none. */
    public static @Nullable Memory memoryOf(Vma vma) {
        FilePages file = Retirement.fileOf(vma);
        return file == null ? null : file.memory();
    }

    public Populate.Populator populator() {
        return populator;
    }

    RetirementHook retirement() {
        return retirement;
    }

    /** A new layout lock. */
    ReentrantLock newLock() {
        return locks.get();
    }

    /**
     * After what time a wait is reported.
     *
     * @return nanoseconds
     */
    public long longWaitNanos() {
        return longWaitNanos;
    }

    /**
     * Tells the reporter. Caller must hold no lock of a layout.
     *
     * @param kind of what kind it is
     * @param message what has happened
     * @param cause what was thrown, or null
     */
    public void report(Report.Kind kind, String message, @Nullable Throwable cause) {
        try {
            reporter.accept(new Report(kind, message, cause));
        } catch (Throwable thrown) {
            Uncaught.report(thrown);
        }
    }

    public void reportLongWait(String waiting, Gate gate, Thread waiter, long nanos) {
        // What it waits for may be one of them.
        waitingCalls.attendAgain();
        report(
                Report.Kind.LONG_WAIT,
                waiting + " on thread " + waiter.getName() + " has waited " + TimeUnit.NANOSECONDS.toMillis(nanos)
                        + " ms for " + gate,
                null);
    }

    private void reportFailedTask(Throwable thrown) {
        report(Report.Kind.CALLBACK_FAILED, "a task in the background", thrown);
    }

    /** The inode of the next anonymous shared object. */
    public long nextInode() {
        return inodes.incrementAndGet();
    }

    public int maxMapCount() {
        return maxMapCount;
    }

    long stackGuardPages() {
        return stackGuardPages;
    }

    /** Whether memory is never promised twice ({@code overcommit_memory=2}), so that NORESERVE is not honoured. */
    public boolean strictCommit() {
        return commitLimitBytes != UNLIMITED;
    }

    /**
     * Charges memory if the limit allows it.
     *
     * @param bytes how much, not negative
     * @return whether it was charged
     */
    public boolean charge(long bytes) {
        long after = committed.addAndGet(bytes);
        if (commitLimitBytes == UNLIMITED || bytes == 0 || after <= commitLimitBytes) {
            return true;
        }
        committed.addAndGet(-bytes);
        return false;
    }

    /** Gives memory back, or with a negative amount takes what is owed whatever the limit. */
    public void uncharge(long bytes) {
        committed.addAndGet(-bytes);
    }

    /**
     * The memory committed now.
     *
     * @return bytes
     */
    public long committed() {
        return committed.get();
    }
}
