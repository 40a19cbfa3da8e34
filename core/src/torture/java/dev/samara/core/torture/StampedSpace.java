// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.PageTableRef;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A space with some pages that threads stamp. Its owner closes it while other threads are in it, hold it or borrow it.
 */
final class StampedSpace {
    private static final int WRITABLE = Mman.READ | Mman.WRITE;

    /** The number of places: so many that no thread is still in a space when its place is reused. */
    private static final int PLACES = 1 << 12;

    /** The distance between two places, so that each page is in a different leaf than in the previous space. */
    private static final int PLACE_SHIFT = 21;

    final AddressSpace space;
    final List<StampedPage> pages = new ArrayList<>();
    private final long place;

    /** Set before the owner closes the last reference. */
    private volatile boolean isClosing;

    /** Set after a thread found that the space has no user. */
    private volatile boolean hasEnded;

    /**
     * Creates a space.
     *
     * @param sequence counts the stamps of all spaces of this kind
     * @param owner the kind, as the owner in its stamps
     * @param base the place of the first space of this kind
     * @param number the number of the space among those of this kind, from 0
     * @param count the number of pages
     */
    StampedSpace(TortureMachine setup, AtomicLong sequence, int owner, long base, long number, int count) {
        space = setup.machine.newSpace(TortureSpace.GEOMETRY);
        place = base + ((number % PLACES) << PLACE_SHIFT);
        for (int page = 0; page < count; page++) {
            pages.add(new StampedPage(sequence, owner, page, place + page * TortureSpace.PAGE, TortureMachine.PARTS));
        }
        TortureSpace.succeed(map(space, 0, count));
    }

    /**
     * Maps pages of zeros at the addresses of some pages of this space, in this or another space. Returns the result of
     * mmap.
     */
    long map(AddressSpace in, int first, int count) {
        long start = place + first * TortureSpace.PAGE;
        return in.mmap(start, count * TortureSpace.PAGE, WRITABLE, TortureSpace.FIXED, null, 0);
    }

    /** Closes the owner's reference, which is the last one except for those that other threads acquired. */
    void close(EndedSpaces ended) {
        isClosing = true;
        space.close();
        if (space.users() == 0) {
            hasEnded = true;
        }
        ended.add(space);
    }

    /** Returns whether the owner started to close the space. */
    boolean isClosing() {
        return isClosing;
    }

    /** Returns whether a thread found that the space has no user. */
    boolean hasEnded() {
        return hasEnded;
    }

    /** Records that the calling thread found no user. */
    void foundEnded() {
        hasEnded = true;
    }

    /** Returns a reference to the page table; null if the space is closed, which only the owner may have done. */
    @Nullable
    PageTableRef hold(Checker lifetimes) {
        try {
            return space.hold();
        } catch (MmException refused) {
            judge(refused, lifetimes);
            return null;
        }
    }

    /** Returns another reference to the space; null if the owner closed the space. */
    @Nullable
    AddressSpace get(Checker lifetimes) {
        try {
            return space.get();
        } catch (MmException refused) {
            judge(refused, lifetimes);
            return null;
        }
    }

    private void judge(MmException refused, Checker lifetimes) {
        lifetimes.check(refused.errno() == Errno.ESRCH && isClosing, refused.toString());
    }
}
