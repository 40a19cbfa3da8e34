// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.cpu;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * What shooters know of a CPU: its state with the context that it has loaded, in one word; whether somebody wants it to
 * catch up; and how far it has.
 *
 * <pre>
 *     OFFLINE ──> KERNEL <──> GUEST        uses its TLB: owes acknowledgements
 *                                         else it keeps it, and catches up before it uses it again
 * </pre>
 *
 * <p>Only the owner's thread changes the word. Who waits for a CPU whose thread has ended takes it off the machine.
 */
public final class CpuState extends CpuWords.Flushed {
    /** From this number on, CPUs whose numbers are equal modulo this have one bit in common. */
    static final int SHARED = Long.SIZE / 2;

    /** Owned by nobody. */
    static final int OFFLINE = 0;

    /** Does not use its TLB; catches up by generation before it does. */
    static final int KERNEL = 1;

    /** Uses its TLB. */
    static final int GUEST = 2;

    private static final VarHandle WORD;
    private static final VarHandle PENDING;
    private static final VarHandle FLUSHED;

    private static final int STATE_BITS = 3;
    private static final long STATES = (1 << STATE_BITS) - 1;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            WORD = lookup.findVarHandle(CpuWords.State.class, "word", long.class);
            PENDING = lookup.findVarHandle(CpuWords.Pending.class, "pending", int.class);
            FLUSHED = lookup.findVarHandle(CpuWords.Flushed.class, "flushed", long.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    private final int number;
    private final Thread owner;
    private final Runnable acknowledge;

    /** Of which it is a user. For its thread, and for who finds that ended. */
    private @Nullable Context loaded;

    CpuState(int number, Thread owner, Runnable acknowledge) {
        this.number = number;
        this.owner = owner;
        this.acknowledge = acknowledge;
        WORD.setRelease(this, wordOf(KERNEL, 0));
    }

    int number() {
        return number;
    }

    Thread owner() {
        return owner;
    }

    /**
     * What stands for it in masks.
     *
     * @return one bit, which CPUs with high numbers may have in common
     */
    public long bit() {
        return 1L << (number < SHARED ? number : SHARED + number % SHARED);
    }

    /**
     * Whether other CPUs may have set its bit.
     *
     * @return true if so
     */
    public boolean sharesBit() {
        return number >= SHARED;
    }

    private static long wordOf(int state, long context) {
        return context << STATE_BITS | state;
    }

    // Below, the owner's thread.

    /**
     * Starts to use translations of a context. What was changed before a shooter read this word is seen by what follows.
     *
     * @param context its number
     */
    public void enterGuest(long context) {
        // Volatile: before the generation is read, and then entries. Pairs with the shooter, who changes the entry,
        // advances
        // the generation, and then reads this word: one of the two sees the other.
        WORD.setVolatile(this, wordOf(GUEST, context));
    }

    /**
     * Stops to use translations, after the last access.
     *
     * @param context what is loaded, 0 for nothing
     */
    public void leaveGuest(long context) {
        // Release: pairs with the shooter's read, before he frees.
        WORD.setRelease(this, wordOf(KERNEL, context));
    }

    /**
     * Becomes a user of a context, and of no other.
     *
     * @param next which, or null for none
     */
    public void load(@Nullable Context next) {
        if (loaded != null) {
            loaded.unuse();
        }
        loaded = next;
        if (next != null) {
            next.use();
        }
    }

    /** Goes offline. */
    public void offline() {
        WORD.setRelease(this, wordOf(OFFLINE, 0));
    }

    /**
     * Says up to which generation of the loaded context there is nothing left; before another context is entered, of that.
     *
     * @param generation which
     */
    public void flushedTo(long generation) {
        // Release: after the flush. Pairs with isDone.
        FLUSHED.setRelease(this, generation);
    }

    /**
     * Whether somebody wants it to catch up; the only thing that polling reads.
     *
     * @return true if so
     */
    public boolean isPending() {
        return (int) PENDING.getOpaque(this) != 0;
    }

    /** Takes the wish back, before the generation is read. */
    public void clearPending() {
        // Volatile: who sets it before this has advanced the generation before, and who sets it after is seen by the
        // next
        // poll.
        PENDING.setVolatile(this, 0);
    }

    /** Catches up, for who waits on the owner's thread itself. */
    void acknowledge() {
        acknowledge.run();
    }

    // Below, any thread.

    boolean isGuest() {
        return ((long) WORD.getVolatile(this) & STATES) == GUEST;
    }

    private boolean isGuestIn(long context) {
        return (long) WORD.getVolatile(this) == wordOf(GUEST, context);
    }

    /** Whether nothing from before a generation of a context can be used any more. */
    boolean isDone(long context, long generation) {
        // The word first: a CPU that is not GUEST in this context catches up before it is again, and who enters it has
        // said
        // before how far it is.
        return !isGuestIn(context) || (long) FLUSHED.getAcquire(this) >= generation;
    }

    /** Has it catch up when it polls next. */
    public void request() {
        PENDING.setVolatile(this, 1);
    }

    /** Whether its thread has ended without taking it offline. Then nobody changes its words, and nobody uses its TLB. */
    boolean isDead() {
        return !owner.isAlive();
    }

    @Override
    public String toString() {
        return "cpu " + number + " of thread " + owner.getName();
    }
}
