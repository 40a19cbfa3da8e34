// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import dev.samara.core.internal.sync.RcuReader;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What shooters know of a CPU: its state with the context that it has loaded, in one word; whether somebody wants it to
 * catch up; and how far it has.
 *
 * <pre>
 *     OFFLINE ──> KERNEL &lt;──> GUEST       in GUEST it uses its TLB, and owes acknowledgements;
 *                  │   │                   else it keeps it, and catches up before it uses it again
 *      SWITCHING &lt;─┘   └─> LAZY            LAZY is no user of what it has loaded, and may be taken off that
 * </pre>
 *
 * <p>From LAZY a CPU goes back to KERNEL, or to SWITCHING as from KERNEL, from there to KERNEL; from each but GUEST to
 * OFFLINE.
 *
 * <p>While the word says KERNEL or GUEST in a context, the CPU is counted among its users. A CPU that has nothing else
 * loaded has the {@linkplain TlbContext#EMPTY empty space}.
 *
 * <p>The owner's thread changes the word; and who takes a LAZY CPU off its context does, by compare-and-set, as does
 * the owner on every way out of LAZY. Who finds that the thread of a CPU has ended takes it offline.
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

    /** Between two spaces: nothing is loaded, and nothing is used. */
    static final int SWITCHING = 3;

    /** Keeps a space's translations without being its user; uses nothing before it has loaded a space again. */
    static final int LAZY = 4;

    private static final VarHandle WORD;
    private static final VarHandle PENDING;
    private static final VarHandle FLUSHED;

    private static final List<String> STATE_NAMES = List.of("OFFLINE", "KERNEL", "GUEST", "SWITCHING", "LAZY");
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
    private final int name;
    private final Thread owner;
    private final Runnable acknowledge;

    /** Of which it is a user. For its thread, and for who finds that ended. */
    private @Nullable TlbContext loaded;

    /** In LAZY, what was loaded before. For its thread. */
    private @Nullable TlbContext left;

    /** In whose sections its thread handles its faults; null before that is known. For its thread. */
    private @Nullable RcuReader reader;

    CpuState(int number, int name, Thread owner, Runnable acknowledge) {
        this.number = number;
        this.name = name;
        this.owner = owner;
        this.acknowledge = acknowledge;
        WORD.setRelease(this, wordOf(KERNEL, TlbContext.EMPTY));
    }

    int number() {
        return number;
    }

    /** Its number for people; unlike the other, no CPU that comes later has it. */
    int name() {
        return name;
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
     * Says in whose sections the owner's thread handles faults of this CPU.
     *
     * @param of the reader of the CPU's worker
     */
    public void readsAs(RcuReader of) {
        reader = of;
    }

    /** The reader of its worker; null if it has none. */
    @Nullable
    RcuReader reader() {
        return reader;
    }

    /**
     * Starts to use translations of a context. What was changed before a shooter read this word is seen by what
     * follows.
     *
     * @param context its number
     */
    public void enterGuest(long context) {
        // Volatile: before the generation is read, and then entries. Pairs with the shooter, who changes the
        // entry, advances the generation, and then reads this word: one of the two sees the other.
        WORD.setVolatile(this, wordOf(GUEST, context));
    }

    /**
     * Takes {@link #enterGuest} back, if it came to that, before anything was used.
     *
     * @param context what is loaded
     */
    public void abandonGuest(long context) {
        // Volatile, as the entry: then it needs no deeper stack than that.
        WORD.setVolatile(this, wordOf(KERNEL, context));
    }

    /**
     * Stops to use translations, after the last access.
     *
     * @param context what is loaded
     */
    public void leaveGuest(long context) {
        // Release: pairs with the shooter's read, before he frees.
        WORD.setRelease(this, wordOf(KERNEL, context));
    }

    /** Goes to SWITCHING: gives up what is loaded, or was before LAZY. Not in GUEST. */
    public void depart() {
        giveUp(SWITCHING);
    }

    /** Goes offline; not in GUEST. Or its thread has ended: then anybody calls this, one at a time. */
    void offline() {
        giveUp(OFFLINE);
    }

    private void giveUp(int state) {
        long word = (long) WORD.getVolatile(this);
        // By compare-and-set, since out of LAZY it may be taken off meanwhile. Before it is counted no more.
        // Pairs with TlbContext.end.
        while (!WORD.compareAndSet(this, word, wordOf(state, TlbContext.EMPTY))) {
            word = (long) WORD.getVolatile(this);
        }
        TlbContext of = loaded;
        loaded = null;
        left = null;
        if (of != null) {
            of.unuse();
        }
    }

    /**
     * Goes from SWITCHING to KERNEL.
     *
     * @param next what is loaded now, of which the CPU is counted as a user; or null for the empty space
     */
    public void arrive(@Nullable TlbContext next) {
        loaded = next;
        // Release: behind the count and flushedTo. Nobody else changes the word of a CPU in SWITCHING.
        WORD.setRelease(this, wordOf(KERNEL, next == null ? TlbContext.EMPTY : next.id()));
    }

    /** Goes from KERNEL to LAZY. A context other than the empty space's must be loaded. */
    public void enterLazy() {
        TlbContext of = Objects.requireNonNull(loaded);
        // Release, and before it is counted no more: who ends the context then finds it LAZY. Pairs with takeOff.
        WORD.setRelease(this, wordOf(LAZY, of.id()));
        loaded = null;
        left = of;
        of.unuse();
    }

    /**
     * Goes from LAZY back to KERNEL, with all the translations that it had, if it is LAZY and was not taken off. What
     * was changed meanwhile it catches up with when it enters GUEST.
     *
     * @return false if it has to load the space as any other
     */
    public boolean leaveLazy() {
        TlbContext of = left;
        if (of == null || !of.use()) {
            return false;
        }
        // By compare-and-set: either this, or who takes it off. Pairs with takeOff.
        if (!WORD.compareAndSet(this, wordOf(LAZY, of.id()), wordOf(KERNEL, of.id()))) {
            of.unuse();
            return false;
        }
        loaded = of;
        left = null;
        return true;
    }

    /**
     * Says up to which generation of the loaded context there is nothing left; before another context is entered, of
     * that.
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
        // Volatile: who sets it before this has advanced the generation before, and who sets it after is seen
        // by the next poll.
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

    /**
     * Its state and what it has loaded, for people.
     *
     * @return the state at some instant of this call
     */
    public String state() {
        long word = (long) WORD.getVolatile(this);
        String state = STATE_NAMES.get((int) (word & STATES));
        return word >>> STATE_BITS == TlbContext.EMPTY ? state : state + " in context " + (word >>> STATE_BITS);
    }

    /** Whether it has a context loaded, and is not LAZY in it. */
    boolean uses(long context) {
        long word = (long) WORD.getVolatile(this);
        return word >>> STATE_BITS == context && (word & STATES) != LAZY;
    }

    /** Whether it is on its way from one space to another, and may have read the generation of the next. */
    boolean isSwitching() {
        return ((long) WORD.getVolatile(this) & STATES) == SWITCHING;
    }

    /**
     * Takes it off a context if it is LAZY in it.
     *
     * @return false if it has the context loaded, and is not LAZY
     */
    boolean takeOff(long context) {
        long word = (long) WORD.getVolatile(this);
        while (word >>> STATE_BITS == context) {
            if ((word & STATES) != LAZY) {
                return false;
            }
            // By compare-and-set. Pairs with leaveLazy and giveUp.
            if (WORD.compareAndSet(this, word, wordOf(LAZY, TlbContext.EMPTY))) {
                return true;
            }
            word = (long) WORD.getVolatile(this);
        }
        return true;
    }

    /** Whether nothing from before a generation of a context can be used any more. */
    boolean isDone(long context, long generation) {
        // The word first: a CPU that is not GUEST in this context catches up before it is again, and who enters
        // it has said before how far it is.
        return !isGuestIn(context) || (long) FLUSHED.getAcquire(this) >= generation;
    }

    /** Has it catch up when it polls next. */
    public void request() {
        PENDING.setVolatile(this, 1);
    }

    /**
     * Whether its thread has ended without taking it offline. Then nobody changes its words, and nobody uses its TLB.
     */
    boolean isDead() {
        return !owner.isAlive();
    }

    @Override
    public String toString() {
        return "cpu " + name + " of thread " + owner.getName();
    }
}
