// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.mman.Fault;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Pages that one thread owns, with the expected content of each page, against which other threads check their accesses.
 * Before each call, the owner records that a page is about to change, and after the call, its new content. If a page
 * did not change during an access, the access must have found exactly the recorded content. Otherwise it must still
 * have found content of this page.
 */
final class OwnedPages {
    static final int PAGES = 10;

    /** The state of a page, as accesses see it. */
    enum State {
        WRITABLE(0),
        READABLE(1),
        GONE(2),
        SHUT(3);

        private final int code;

        State(int code) {
            this.code = code;
        }
    }

    private static final State[] STATES = State.values();

    /** Set for a page that is zeroed in children. */
    private static final long WIPED = 1 << 2;

    private static final int LOW_SHIFT = 33;
    private static final int HIGH_SHIFT = 3;
    private static final long SEQUENCE = (1L << 30) - 1;

    final int owner;

    /** The current address of the area. */
    final AtomicLong at = new AtomicLong();

    private final AtomicIntegerArray turns = new AtomicIntegerArray(PAGES);
    private final AtomicLongArray contents = new AtomicLongArray(PAGES);

    private final boolean shared;

    OwnedPages(int owner, long at, boolean shared) {
        this.owner = owner;
        this.shared = shared;
        this.at.set(at);
        for (int page = 0; page < PAGES; page++) {
            set(page, State.GONE, 0, 0);
        }
    }

    /** Returns whether a child gets its own copy of the pages. */
    boolean isPrivate() {
        return !shared;
    }

    /** Records that the owner is about to change pages. */
    void begin(int first, int behind) {
        for (int page = first; page < behind; page++) {
            turns.incrementAndGet(page);
        }
    }

    /** Records that the owner changed the pages. */
    void end(int first, int behind) {
        begin(first, behind);
    }

    /** Returns a page's change counter; it is odd during a change. */
    int turn(int page) {
        return turns.get(page);
    }

    /** Sets the expected content of a page: a stamp from low to high, or possibly zeros if low is 0. */
    void set(int page, State state, long low, long high) {
        long wiped = contents.get(page) & WIPED;
        contents.set(page, (low << LOW_SHIFT) | (high << HIGH_SHIFT) | wiped | state.code);
    }

    void set(int page, State state) {
        long content = contents.get(page);
        contents.set(page, (content & (-(1L << HIGH_SHIFT) | WIPED)) | state.code);
    }

    /** Sets whether children find zeros in a page. */
    void wipe(int page, boolean wiped) {
        long content = contents.get(page);
        contents.set(page, wiped ? content | WIPED : content & ~WIPED);
    }

    static boolean isWiped(long content) {
        return (content & WIPED) != 0;
    }

    /** Returns the expected content of the page in a child. */
    static long inAChild(long content) {
        return isWiped(content) ? content & ((1L << HIGH_SHIFT) - 1) : content;
    }

    long content(int page) {
        return contents.get(page);
    }

    static State state(long content) {
        return STATES[(int) content & ((int) WIPED - 1)];
    }

    static long low(long content) {
        return content >>> LOW_SHIFT;
    }

    static long high(long content) {
        return (content >>> HIGH_SHIFT) & SEQUENCE;
    }

    /** Returns whether a number that was read belongs to a page, whatever its age. */
    boolean mayHave(long read, int page) {
        return read == 0 || TortureMachine.isOf(read, owner, page);
    }

    /** Returns whether a number that was read matches the expected content of a page. */
    boolean has(long content, long read, int page) {
        return read == 0
                ? low(content) == 0
                : mayHave(read, page)
                        && TortureMachine.sequence(read) >= low(content)
                        && TortureMachine.sequence(read) <= high(content);
    }

    /** Returns whether the result of an access matches the expected state of a page. */
    static boolean gives(State state, int result, boolean writes) {
        return switch (state) {
            case WRITABLE -> result == Fault.NONE || result == Fault.OUT_OF_MEMORY;
            case READABLE -> writes ? result == Fault.ACCERR : result == Fault.NONE || result == Fault.OUT_OF_MEMORY;
            case GONE -> result == Fault.MAPERR;
            case SHUT -> result == Fault.ACCERR;
        };
    }

    String say(int page, long content, int result, long read) {
        return "page " + page + " of " + owner + ", which is " + state(content) + " with " + low(content) + " to "
                + high(content) + ", gave " + Fault.toString(result) + " and " + TortureMachine.say(read);
    }
}
