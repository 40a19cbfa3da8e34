// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import dev.samara.core.event.MmuNotifier;
import dev.samara.core.internal.cpu.CpuState;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.Shootdown;
import dev.samara.core.internal.cpu.TlbContext;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Leaf;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.PageTableContext;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.pagewalk.DiscardPages;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * What was unhooked and is to be freed once nobody can translate to it ({@code struct mmu_gather}).
 *
 * <p>One object serves one operation and its thread. The order is {@link #owe}, unhook, {@link #invalidate}, {@link
 * #free}; what is added after an invalidation needs another one. Closing invalidates what was not invalidated and frees
 * it, on every way out; where that fails, a thread of the machine goes on with it, since a leaf with a pending flush
 * stays, and so do its frames.
 *
 * <p>An invalidation waits for the CPUs that may have translations of the leaves that are owed. Where somebody may be
 * at a frame without being a CPU in GUEST, it waits for a grace period too: a page of a cache is offered and read in
 * reader sections, and a private page that is just being copied is read in one. Nobody else comes to a private page but
 * through its entry.
 *
 * <p>The retirement of an operation must not fail half-way: so its gather is made, with a worker and first room, before
 * the operation publishes. Where there is no memory for more room than that, the gather is {@linkplain #isFull full}
 * after less. A retirement that must not wait looks with {@link #isInvalidated} instead, and {@linkplain #rest rests}
 * in between without a worker.
 */
public final class TlbGather implements AutoCloseable {
    /* Between attempts to end what has failed. */
    private static final long SHORTEST_PAUSE = 1_000_000;
    private static final long LONGEST_PAUSE = 1_000_000_000;

    /** So many frames are collected before a first part is invalidated and freed. */
    static final int MOST = 1 << 12;

    private final Memory memory;
    private @Nullable PageTableContext worker;

    /** So many leaves. */
    private static final int MOST_LEAVES = 1 << 10;

    private final PendingFlush owed;
    private int[] frames = new int[16];
    private int size;

    /** There was no memory for more room. */
    private boolean isStarved;

    /** The invalidation that has begun without waiting; null for none. */
    private @Nullable List<Shootdown> begun;

    /** Of that invalidation, behind its shootdowns; 0 for none. */
    private long ticket;

    /** A part of the operation that could not be ended: its entries name the worker. Null for none. */
    private @Nullable DiscardPages unfinished;

    /** A thread of the machine ends it. For the thread that has begun it. */
    private boolean isHandedOn;

    /** Something was unhooked, or narrowed, since the last invalidation. */
    private boolean isFlushOwed;

    /** The same, and readers may be at its page. */
    private boolean isGraceOwed;

    /**
     * Begins an operation.
     *
     * @param memory the machine's
     */
    public TlbGather(Memory memory) {
        this(memory, new PendingFlush(memory.cpus(), null));
    }

    /**
     * Begins the end of a space that nobody uses ({@code tlb_gather_mmu_fullmm}): no CPU is asked for anything, and no
     * generation begins. Translations that CPUs may still have are those of a context that nobody will ever load. CPUs
     * that are LAZY in it fall back to the empty space first. Should the space be used again while this goes on, with
     * another context, then that is flushed as ever. Grace periods are waited for all the same.
     *
     * @param memory the machine's
     * @param ended the context of the space, which has been {@linkplain TlbContext#end ended}
     * @throws IllegalStateException if it has not been ended, and so may have users; or if a CPU that is not LAZY has
     *     it loaded
     */
    public TlbGather(Memory memory, TlbContext ended) {
        this(memory, new PendingFlush(memory.cpus(), checkOver(memory.cpus(), ended)));
    }

    private TlbGather(Memory memory, PendingFlush owed) {
        this(memory, owed, memory.borrow());
    }

    private TlbGather(Memory memory, PendingFlush owed, @Nullable PageTableContext worker) {
        this.memory = memory;
        this.owed = owed;
        this.worker = worker;
    }

    /**
     * Begins an operation that has a worker already, and takes first room for it.
     *
     * @param memory the machine's
     * @param worker a borrowed worker, which closing gives back; or null for a gather that {@linkplain #resume goes on}
     *     later
     * @return a gather
     */
    public static TlbGather with(Memory memory, @Nullable PageTableContext worker) {
        PendingFlush owed = new PendingFlush(memory.cpus(), null);
        owed.makeRoom();
        return new TlbGather(memory, owed, worker);
    }

    /**
     * Has what follows be the end of a space that nobody uses, as the constructor for that does.
     *
     * @param ended the context of the space, which has been ended
     */
    public void leaveOut(TlbContext ended) {
        owed.leaveOut(checkOver(memory.cpus(), ended));
    }

    /** Gives the worker back for a while, unless entries name it; {@link #resume} comes before the next use. */
    public void rest() {
        if (unfinished == null && !isHandedOn) {
            giveBackWorker();
        }
    }

    private void giveBackWorker() {
        PageTableContext resting = worker;
        if (resting != null) {
            memory.giveBack(resting);
            worker = null;
        }
    }

    /**
     * Borrows a worker again, after {@link #rest}, and ends what could not be ended before it.
     *
     * @throws IllegalStateException if there is none; nothing has changed then
     */
    public void resume() {
        if (worker == null) {
            worker = memory.borrow();
        }
        DiscardPages left = unfinished;
        if (left != null) {
            left.settle();
            unfinished = null;
        }
    }

    /** Leaves a part of the operation, of which this is the gather, to the next {@link #resume}. */
    public void leave(DiscardPages part) {
        unfinished = part;
    }

    /**
     * Borrows a worker unless this has one.
     *
     * @return false if all that there can be are lent; nothing has changed then
     */
    public boolean tryResume() {
        if (worker == null) {
            worker = memory.borrowOrNull();
        }
        return worker != null;
    }

    private static TlbContext checkOver(Cpus cpus, TlbContext ended) {
        if (!ended.isEnded()) {
            throw new IllegalStateException(
                    "a context that " + ended.users() + " CPUs use was to be left without a flush");
        }
        CpuState user = cpus.takeOff(ended);
        if (user != null) {
            throw new IllegalStateException(user + " has a space loaded, and is not LAZY, that nobody uses");
        }
        return ended;
    }

    /**
     * Has one page's translations dropped by every CPU that may have one. Caller has changed its entry, which still
     * says so, holds no lock and is in no reader section.
     *
     * @param memory the machine's
     * @param table the space's
     * @param leaf where the entry is
     * @param address of the page
     */
    public static void flushPage(Memory memory, PageTable table, long[] leaf, long address) {
        TlbContext context = table.context();
        long generation = context.advance();
        int index = table.indexOf(address);
        long mask = Leaf.holders(leaf, index, index);
        long size = 1L << table.pageShift();
        long start = address & -size;
        context.log(generation, start, start + size, mask, MmuNotifier.Reason.DISCARDED);
        memory.cpus().shoot(context, generation, mask);
    }

    /**
     * The memory it gives back to.
     *
     * @return the machine's
     */
    public Memory memory() {
        return memory;
    }

    /**
     * Who works.
     *
     * @return a worker for the time of this operation
     */
    public PageTableContext worker() {
        return Objects.requireNonNull(worker, "worker");
    }

    /** Notes that somebody may be using what must not be used: a grace period is owed. */
    public void owe() {
        isGraceOwed = true;
    }

    /**
     * Notes that CPUs may have translations of a leaf that they must not have. Caller holds the leaf's lock and is
     * about to change entries, or finds them changed by somebody who may not have come to his flush.
     *
     * @param table a space's
     * @param leaf a leaf of it that is not dead
     * @param start the first address, in the leaf
     * @param end behind the last
     * @param reason what becomes of the range
     */
    public void owe(PageTable table, long[] leaf, long start, long end, MmuNotifier.Reason reason) {
        owed.add(table, leaf, start, end, reason);
        isFlushOwed = true;
    }

    /**
     * Takes over the page of an entry that the caller has replaced, by get-and-set or compare-and-set. If the entry was
     * present, the caller holds the lock of its leaf since before that.
     *
     * @param pte what it was: present or in transit
     */
    public void take(long pte) {
        isFlushOwed = true;
        isGraceOwed |= Pte.has(pte, Pte.TRANSIT | Pte.COPY);
        if (Pte.isOwn(pte)) {
            add(Pte.frame(pte));
        } else if (Pte.has(pte, Pte.PRESENT | Pte.DIRTY) && Pte.isCached(pte)) {
            // Not of an entry in transit: the frame may be another page's by now, and whoever marked the entry has
            // noted this. A present page is the cache's until its leaf is unlocked.
            memory.frames().setDirty(Pte.frame(pte));
        }
    }

    /** Makes room for more frames and a leaf, before anything is unhooked that would have to be noted. */
    public void makeRoom(int more) {
        owed.makeRoom();
        if (size + more > frames.length) {
            frames = Arrays.copyOf(frames, Math.max(2 * frames.length, size + more));
        }
    }

    /**
     * Makes room for frames and a leaf, if there is memory for it.
     *
     * @param wanted how many frames
     * @return for how many there is room; if for fewer, this is {@linkplain #isFull full}
     */
    public int room(int wanted) {
        try {
            makeRoom(wanted);
            return wanted;
        } catch (OutOfMemoryError exhausted) {
            isStarved = true;
            return owed.hasRoom() ? Math.min(wanted, frames.length - size) : 0;
        }
    }

    private void add(int frame) {
        makeRoom(1);
        frames[size++] = frame;
    }

    /**
     * Whether so much is collected that a part should be freed. Caller may still hold a lock: then it does that later.
     *
     * @return true if so
     */
    public boolean isFull() {
        return size >= MOST || owed.size() >= MOST_LEAVES || isStarved;
    }

    /**
     * Waits until no CPU can translate to what was unhooked. Caller is in no reader section and holds no lock of a
     * leaf.
     */
    public void invalidate() {
        owed.flush();
        if (isGraceOwed) {
            memory.rcu().synchronize();
        }
        // Only now: what throws above leaves everything owed, and whoever closes this tries again before he
        // frees anything.
        settle();
    }

    private void settle() {
        begun = null;
        ticket = 0;
        isFlushOwed = false;
        isGraceOwed = false;
        owed.settle();
    }

    /**
     * Does what {@link #invalidate} does without waiting: begins it, or looks how far it is. Until it is over, nothing
     * may be added.
     *
     * @return whether no CPU can translate any more to what was unhooked
     */
    public boolean isInvalidated() {
        List<Shootdown> shootdowns = begun;
        if (shootdowns == null) {
            shootdowns = owed.ask();
            begun = shootdowns;
        }
        for (int i = 0; i < shootdowns.size(); i++) {
            if (!shootdowns.get(i).isDone()) {
                return false;
            }
        }
        if (isGraceOwed) {
            if (ticket == 0) {
                ticket = memory.rcu().ticket();
            }
            if (!memory.rcu().isOver(ticket)) {
                return false;
            }
        }
        settle();
        return true;
    }

    /**
     * Gives the frames back.
     *
     * @throws IllegalStateException if something was unhooked since the last invalidation; nothing is freed then
     */
    public void free() {
        if (isFlushOwed || isGraceOwed) {
            throw new IllegalStateException("frames are to be freed before they were invalidated");
        }
        Frames of = memory.frames();
        while (size > 0) {
            of.drop(frames[--size], worker().magazine());
        }
        isStarved = false;
    }

    /**
     * Gives back frames that were added after the last invalidation, and that nobody can have translated to since then.
     */
    public void freeInvalidated() {
        isFlushOwed = false;
        isGraceOwed = false;
        free();
    }

    /**
     * Ends the operation: after this, no CPU can translate to what was unhooked, and it is free. If that fails, this
     * throws, and a thread of the machine tries again until it has succeeded. Nothing happens if a thread of the
     * machine does so already.
     */
    @Override
    public void close() {
        if (isHandedOn) {
            return;
        }
        boolean ended = false;
        try {
            end();
            ended = true;
        } finally {
            if (!ended) {
                memory.rcu().callAfterAnyway(this::endLater);
                isHandedOn = true;
            }
        }
        rest();
    }

    private void end() {
        if (worker == null || unfinished != null) {
            resume();
        }
        invalidate();
        free();
    }

    /** The caller of {@link #close} was told of the first failure; those that follow have no other cause. */
    private void endLater() {
        long pause = SHORTEST_PAUSE;
        while (!isEnded()) {
            LockSupport.parkNanos(this, pause);
            pause = Math.min(2 * pause, LONGEST_PAUSE);
        }
        giveBackWorker();
    }

    private boolean isEnded() {
        try {
            end();
            return true;
        } catch (Throwable again) {
            return false;
        }
    }
}
