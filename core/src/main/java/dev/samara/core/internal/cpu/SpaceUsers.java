// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The users of a space ({@code mm_users}): references, CPUs that are in the space, and CPUs that borrow another space
 * and will return. While there is a user, the space keeps its VMAs and pages. The last put is final: the count stays 0,
 * and the thread of that put starts the teardown.
 *
 * <p>The three kinds are counted separately, because references of threads without a CPU use no translations, and CPUs
 * that will return are not references that another thread could close. The counts are in one word, so adding or
 * removing a user takes one atomic update, and a reader gets all counts at one instant.
 */
public final class SpaceUsers {
    /** The teardown after the last put. After a call has returned normally, further calls do nothing. */
    public interface Teardown {
        /**
         * Tears the space down if the calling thread may wait; otherwise does the same as {@link #later}. Throws only
         * on a stack overflow, and is then called again.
         */
        void now();

        /**
         * Makes a thread of the machine tear the space down. Does not wait, unless there is no memory for such a
         * thread. Throws only on a stack overflow, and is then called again.
         */
        void later();
    }

    private static final Teardown NONE = new Teardown() {
        @Override
        public void now() {}

        @Override
        public void later() {}
    };

    private static final int REFERENCE_BITS = 28;

    /** The number of bits for counting CPUs: enough for four times the maximum number of CPUs of a memory. */
    private static final int CPU_BITS = 18;

    private static final int HOME_SHIFT = REFERENCE_BITS + CPU_BITS;
    private static final long REFERENCE = 1;
    private static final long CPU = 1L << REFERENCE_BITS;
    private static final long HOME = 1L << HOME_SHIFT;

    /**
     * From the lowest bit: the number of references, of CPUs in the space, and of CPUs that will return. Each user is
     * counted in one of the three, so there is no user if and only if the word is 0.
     *
     * <p>Written: holders of references and CPUs, when they become users (compare-and-set) and when they stop being
     *     users (get-and-add).
     * Read: any thread (volatile).
     * Pairs: if one thread adds a user while another removes the last user, either the first finds no user, or the
     *     second does not remove the last user. A CPU stores its word, then decrements its count; the thread of the
     *     last put reads the words of CPUs after the count, so it finds no word with the context. In the same way, a
     *     CPU stores the context that it keeps in LAZY ({@code kept}) before its word. A shooter advances the
     *     generation, then reads the number of CPUs; a CPU that enters the space is counted, then reads the generation:
     *     at least one of the two sees the other's update.
     * Invariant: the users, in three counts: references, CPUs in the space, and CPUs that borrow another space and will
     *     return. A CPU is counted throughout the time in which its word contains KERNEL or GUEST with the context of
     *     the space. The value 0, i.e. no users of any kind, is final.
     */
    private final AtomicLong word = new AtomicLong(REFERENCE);

    private final Teardown teardown;

    /**
     * The next space in the list of the CPU that was the last user of this space ({@link PendingTeardowns}). Used by
     * the thread of that CPU.
     */
    @Nullable
    SpaceUsers nextLeft;

    /** Creates the users of a space that needs no teardown, with one reference. */
    public SpaceUsers() {
        this(NONE);
    }

    /**
     * Creates the users of a new space, with one reference, which belongs to the caller.
     *
     * @param teardown is called after the last put
     */
    public SpaceUsers(Teardown teardown) {
        this.teardown = teardown;
    }

    private static int referencesOf(long word) {
        return (int) (word & CPU - 1);
    }

    private static int cpusOf(long word) {
        return (int) ((word & HOME - 1) >>> REFERENCE_BITS);
    }

    private static int homesOf(long word) {
        return (int) (word >>> HOME_SHIFT);
    }

    /**
     * Acquires a reference, if there is a user ({@code mmget_not_zero}).
     *
     * @return whether the caller now holds a reference
     */
    public boolean tryGet() {
        return tryAdd(REFERENCE);
    }

    /**
     * Releases a reference ({@code mmput}).
     *
     * @return whether it was the last user. The caller then calls {@link #end} or {@link #endLater}
     */
    public boolean put() {
        // Atomic: after all that the user did in the space, and before the teardown by the thread of the last put.
        return word.addAndGet(-REFERENCE) == 0;
    }

    /**
     * Counts a CPU that leaves to borrow another space, and will return, as a user. Called by the thread of a CPU that
     * is in the space.
     *
     * @return whether the CPU is counted; false only if the space has no users
     */
    public boolean tryGetHome() {
        return tryAdd(HOME);
    }

    /**
     * Removes a CPU that {@link #tryGetHome} counted from the users.
     *
     * @return whether it was the last user, as for {@link #put}
     */
    public boolean putHome() {
        // Atomic, as in put.
        return word.addAndGet(-HOME) == 0;
    }

    /**
     * Counts a CPU that is about to enter the space as a user, if there is a user.
     *
     * @return whether the CPU is counted
     */
    boolean tryUse() {
        return tryAdd(CPU);
    }

    /**
     * Removes a CPU, whose word no longer contains the context of the space, from the users.
     *
     * @return whether it was the last user. The caller then makes sure that the space is torn down
     */
    boolean unuse() {
        // Atomic, as in put. Needs no deeper stack than the store of a CPU's word, after which this decrement must not
        // be lost.
        return word.addAndGet(-CPU) == 0;
    }

    private boolean tryAdd(long added) {
        long known = word.get();
        while (known != 0) {
            // Atomic: before the caller uses the space. Pairs with the put that finds no other user. The count of a CPU
            // precedes its read of the generation, and also pairs with Shootdowns.isElided.
            if (word.compareAndSet(known, known + added)) {
                return true;
            }
            known = word.get();
        }
        return false;
    }

    /** Returns the number of users at some instant of this call. */
    public int users() {
        long seen = word.get();
        return referencesOf(seen) + cpusOf(seen) + homesOf(seen);
    }

    /** Returns how many CPUs were users at some instant of this call; LAZY CPUs that keep the space are not users. */
    public int cpus() {
        return cpusOf(word.get());
    }

    /** Returns how many users were CPUs that borrow another space and will return, at some instant of this call. */
    public int homes() {
        return homesOf(word.get());
    }

    /** Returns how many users were references and not CPUs, at some instant of this call. */
    public int references() {
        return referencesOf(word.get());
    }

    /** Tears the space down after the last put; if this thread must not wait, makes a thread of the machine do so. */
    public void end() {
        teardown.now();
    }

    /** Makes a thread of the machine tear the space down after the last put. Does not wait. */
    public void endLater() {
        teardown.later();
    }
}
