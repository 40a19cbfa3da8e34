// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.mman.Fault;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A page, or parts of a page, of a short-lived space. One thread writes stamps to the page, and knows the content that
 * it must find as long as the page exists. Other threads know only the owner of the stamps.
 */
final class StampedPage {
    private final AtomicLong sequence;
    private final int owner;
    private final int page;
    private final long first;
    private final long address;
    private final int[] parts;

    /** The stamp of each part. Used only by the thread that writes. */
    private final long[] stamps;

    /**
     * Creates a page of zeros.
     *
     * @param sequence the number of the latest stamp of all pages of the owner, in all its spaces
     * @param owner the only owner whose stamps are in the page
     * @param page the number of the page in its stamps
     * @param start the address of the page
     * @param parts the offsets that the thread writes; no other thread writes there
     */
    StampedPage(AtomicLong sequence, int owner, int page, long start, int... parts) {
        this.sequence = sequence;
        this.owner = owner;
        this.page = page;
        this.parts = parts;
        address = start;
        stamps = new long[parts.length];
        first = sequence.get();
    }

    /** Returns the address of the first part. */
    long address() {
        return address + parts[0];
    }

    /** Returns whether a stamp was written since the page was zeros, so that the page has a frame. */
    boolean isWritten() {
        for (long stamp : stamps) {
            if (stamp != 0) {
                return true;
            }
        }
        return false;
    }

    /** Records that a page of zeros replaced the page. */
    void clear() {
        for (int part = 0; part < parts.length; part++) {
            stamps[part] = 0;
        }
    }

    /** Writes one part. Returns the fault. */
    int write(SpaceVisit visit, Random random) {
        return store(visit, random.nextInt(parts.length));
    }

    /** Writes or reads one part, and checks that a read returns the last written stamp. Returns the fault. */
    int access(SpaceVisit visit, Random random, Checker contents) {
        return random.nextBoolean() ? write(visit, random) : load(visit, random.nextInt(parts.length), contents);
    }

    private int store(SpaceVisit visit, int part) {
        long stamp = TortureMachine.stamp(owner, page, sequence.incrementAndGet());
        int result = visit.store(address + parts[part], stamp);
        if (result == Fault.NONE) {
            stamps[part] = stamp;
        }
        return result;
    }

    private int load(SpaceVisit visit, int part, Checker contents) {
        int result = visit.load(address + parts[part]);
        if (result == Fault.NONE) {
            boolean holds = visit.value() == stamps[part];
            contents.check(holds, holds ? "" : say(visit, TortureMachine.say(stamps[part])));
        }
        return result;
    }

    /** Compares all parts. Returns the first fault. */
    int loadAll(SpaceVisit visit, Checker contents) {
        int result = Fault.NONE;
        for (int part = 0; part < parts.length && result == Fault.NONE; part++) {
            result = load(visit, part, contents);
        }
        return result;
    }

    /**
     * Reads a part on a thread that does not write: it must contain zeros, or a stamp that was written in this space.
     * Returns the fault.
     */
    int loadForeign(SpaceVisit visit, Random random, Checker contents) {
        int result = visit.load(address + parts[random.nextInt(parts.length)]);
        if (result == Fault.NONE) {
            long read = visit.value();
            boolean holds = read == 0
                    || (TortureMachine.isOf(read, owner, page)
                            && TortureMachine.sequence(read) > first
                            && TortureMachine.sequence(read) <= sequence.get());
            contents.check(holds, holds ? "" : say(visit, "zeros, or a stamp of this page after " + first));
        }
        return result;
    }

    private String say(SpaceVisit visit, String expected) {
        return this + " has " + visit.say(Fault.NONE) + " in place of " + expected;
    }

    /** Returns the page's number, owner and address as text. */
    @Override
    public String toString() {
        return "page " + page + " of " + owner + " at 0x" + Long.toHexString(address);
    }
}
