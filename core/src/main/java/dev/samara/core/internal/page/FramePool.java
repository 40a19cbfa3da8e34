// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.page.Frames.Magazine;
import java.util.Arrays;

/**
 * Free frames, of which runs of consecutive ones can be taken (a buddy allocator of two orders). Guarded by the lock of
 * {@link Frames}, which the caller holds.
 *
 * <p>Frames are free one by one, in any order, but a read of a file wants consecutive ones, because each run costs a
 * call of the host. So the pool keeps a mask of the free frames of each <em>group</em> of 16, and runs form again by
 * themselves, whoever frees the frames. A group with free frames is in one of three lists:
 *
 * <ol>
 *   <li>{@code WHOLE}: all 16 frames are free.
 *   <li>{@code FOURS}: four aligned frames are free, but not all 16.
 *   <li>{@code SINGLES}: other frames are free.
 * </ol>
 *
 * <p>Single frames are taken from the last list that is not empty, so they leave the runs of the others alone. Whole
 * groups that are neighbours are taken together, so a run may be longer than a group. Each list is used from its
 * front, where the frames are that were freed last, because their bytes and records are in the caches.
 *
 * <p>If the stack overflows, no frame is lost or in the pool twice. Each step calls {@link #relink} last, which calls
 * nothing, and then only stores.
 */
final class FramePool {
    /** Binary logarithm of the number of frames of a group. */
    private static final int GROUP_SHIFT = 4;

    /** The number of frames of a group. */
    static final int GROUP = 1 << GROUP_SHIFT;

    private static final int FULL = (1 << GROUP) - 1;

    /** The first frame of each aligned run of four. */
    private static final int FIRST_OF_FOUR = 0x1111;

    /* The kinds of groups, in the order in which single frames are taken. */

    private static final int ABSENT = 0;
    private static final int SINGLES = 1;
    private static final int FOURS = 2;
    private static final int WHOLE = 3;
    private static final int KINDS = 4;

    /*
     * The record of a group: the mask of its free frames, and the positions of the records after and before it in its
     * list. The records of groups follow KINDS records, which are the heads of the lists; a list is a ring.
     */

    private static final int RECORD_SHIFT = 2;
    private static final int RECORD = 1 << RECORD_SHIFT;
    private static final int NEXT = 1;
    private static final int PREVIOUS = 2;

    private int[] records = new int[KINDS << RECORD_SHIFT];

    /** The number of free frames. */
    int size;

    FramePool() {
        for (int kind = 0; kind < KINDS; kind++) {
            int head = kind << RECORD_SHIFT;
            records[head + NEXT] = head;
            records[head + PREVIOUS] = head;
        }
    }

    /**
     * Makes room for the frames below a number, so that {@link #put} needs no memory.
     *
     * @param most the number of frames that there can be
     */
    void makeRoom(int frames, int most) {
        int needed = recordOf(frames + GROUP - 1);
        if (records.length < needed) {
            int all = recordOf(most + GROUP - 1);
            records = Arrays.copyOf(records, Math.min(all, Math.max(2 * records.length, needed)));
        }
    }

    private static int recordOf(int frame) {
        return ((frame >>> GROUP_SHIFT) + KINDS) << RECORD_SHIFT;
    }

    private static int frameOf(int record) {
        return ((record >>> RECORD_SHIFT) - KINDS) << GROUP_SHIFT;
    }

    private static int kindOf(int mask) {
        if (mask == FULL) {
            return WHOLE;
        }
        return foursOf(mask) != 0 ? FOURS : mask != 0 ? SINGLES : ABSENT;
    }

    /** Returns the first frames of the aligned runs of four in a mask. */
    private static int foursOf(int mask) {
        int pairs = mask & (mask >>> 1);
        return pairs & (pairs >>> 2) & FIRST_OF_FOUR;
    }

    /** Moves a group to the front of another list. */
    private void relink(int record, int from, int to) {
        int[] of = records;
        if (from == to) {
            return;
        }
        if (from != ABSENT) {
            int next = of[record + NEXT];
            int previous = of[record + PREVIOUS];
            of[previous + NEXT] = next;
            of[next + PREVIOUS] = previous;
        }
        if (to != ABSENT) {
            int head = to << RECORD_SHIFT;
            int next = of[head + NEXT];
            of[record + NEXT] = next;
            of[record + PREVIOUS] = head;
            of[head + NEXT] = record;
            of[next + PREVIOUS] = record;
        }
    }

    /** Puts consecutive frames in, which were never free before, so that the first ones are taken first. */
    void putNew(int first, int end) {
        int rest = end;
        while (rest > first) {
            int start = Math.max(first, (rest - 1) & -GROUP);
            put(recordOf(start), ((1 << (rest - start)) - 1) << (start & (GROUP - 1)), rest - start);
            rest = start;
        }
    }

    /**
     * Puts in the last ones of some frames, as far as they are in one group.
     *
     * @param frames the frames
     * @param from the index of the first frame
     * @param end the index after the last frame; greater than {@code from}
     * @return the index after the last frame that was not put in
     */
    int putLast(int[] frames, int from, int end) {
        int rest = end;
        int record = recordOf(frames[rest - 1]);
        int mask = 0;
        while (rest > from && recordOf(frames[rest - 1]) == record) {
            rest--;
            mask |= 1 << (frames[rest] & (GROUP - 1));
        }
        put(record, mask, end - rest);
        return rest;
    }

    private void put(int record, int mask, int count) {
        int before = records[record];
        if ((before & mask) != 0 || Integer.bitCount(mask) != count) {
            throw new IllegalStateException("a free frame is freed again, of those from " + frameOf(record) + " on");
        }
        int after = before | mask;
        relink(record, kindOf(before), kindOf(after));
        records[record] = after;
        size += count;
    }

    /** Moves frames from a magazine to this pool. The magazine is locked. */
    void moveFrom(Magazine source, int most) {
        int end = Math.max(0, source.size - most);
        while (source.size > end) {
            source.size = putLast(source.frames, end, source.size);
        }
    }

    /** Moves up to {@code most} frames to a magazine, until this is empty or the magazine is full. It is locked. */
    void moveTo(Magazine target, int most) {
        int end = Math.min(target.frames.length, target.size + Math.min(most, size));
        while (target.size < end) {
            int kind = SINGLES;
            while (isEmpty(kind)) {
                kind++;
            }
            int record = records[(kind << RECORD_SHIFT) + NEXT];
            int before = records[record];
            int after = before;
            int at = target.size;
            // The last frame first, because a magazine returns the one first that it received last.
            while (at < end && after != 0) {
                int last = Integer.highestOneBit(after);
                target.frames[at++] = frameOf(record) + Integer.numberOfTrailingZeros(last);
                after ^= last;
            }
            relink(record, kind, kindOf(after));
            records[record] = after;
            size -= at - target.size;
            target.size = at;
        }
    }

    private boolean isEmpty(int kind) {
        int head = kind << RECORD_SHIFT;
        return records[head + NEXT] == head;
    }

    /**
     * Takes up to {@code most} frames, until this is empty, in runs that are as long as the lists show. The caller has
     * reserved the stack.
     *
     * @param into receives the frames, from its start; each run is in ascending order
     * @return the number of frames
     */
    int takeRuns(int[] into, int most) {
        int wanted = Math.min(most, size);
        int taken = 0;
        while (taken < wanted) {
            taken = takeRuns(choose(wanted - taken), into, taken, wanted);
        }
        return taken;
    }

    /**
     * Takes an aligned run. If a run of this length was put in, and no frame of it was taken since, one is found.
     *
     * @param count the number of frames: 4 or {@link #GROUP}
     * @param wanted the number of frames that the caller takes by this call and the following ones
     * @param next the frame that the run starts with if it can, after the run of the caller's last call; or {@link
     *     Frames#NONE}
     * @return the first frame, or {@link Frames#NONE} if there is no such run
     */
    int takeAligned(int count, int wanted, int next) {
        int run = (1 << count) - 1;
        int record = next == Frames.NONE ? 0 : recordOf(next);
        int at = next & (GROUP - 1);
        // The record 0 is the head of a list, and has no frames.
        if (record >= records.length || (records[record] >>> at & run) != run) {
            boolean hasGroup = wanted >= GROUP && !isEmpty(WHOLE);
            int kind = count == GROUP || isEmpty(FOURS) || hasGroup ? WHOLE : FOURS;
            if (isEmpty(kind)) {
                return Frames.NONE;
            }
            record = records[(kind << RECORD_SHIFT) + NEXT];
            record = kind == WHOLE ? firstBefore(record, wanted) : record;
            at = count == GROUP ? 0 : Integer.numberOfTrailingZeros(foursOf(records[record]));
        }
        int before = records[record];
        int after = before & ~(run << at);
        relink(record, kindOf(before), kindOf(after));
        records[record] = after;
        size -= count;
        return frameOf(record) + at;
    }

    /** Returns the record of the group from which the next run should be taken. */
    private int choose(int wanted) {
        int best = wanted >= GROUP ? WHOLE : wanted > 1 ? FOURS : SINGLES;
        for (int kind = best; kind <= WHOLE; kind++) {
            if (!isEmpty(kind)) {
                int record = records[(kind << RECORD_SHIFT) + NEXT];
                return wanted < GROUP ? record : firstBefore(record, wanted);
            }
        }
        int kind = best - 1;
        while (isEmpty(kind)) {
            kind--;
        }
        return records[(kind << RECORD_SHIFT) + NEXT];
    }

    /** Returns the first one of the whole groups that end with a given one, as far as all of them are wanted. */
    private int firstBefore(int record, int wanted) {
        int first = record;
        int left = wanted - GROUP;
        // Ends at the latest at the head of a list, which is before the first group, and has no frames.
        while (left >= GROUP && records[first - RECORD] == FULL) {
            first -= RECORD;
            left -= GROUP;
        }
        return first;
    }

    /** Takes a run from a group, and from the whole groups that follow if the run reaches the end of the group. */
    private int takeRuns(int from, int[] into, int taken, int wanted) {
        int record = from;
        int at = taken;
        boolean isFollowed = true;
        while (isFollowed && at < wanted) {
            int before = records[record];
            int fours = foursOf(before);
            int next = Integer.numberOfTrailingZeros(fours == 0 ? before : fours);
            int after = before;
            while (at < wanted && (after & (1 << next)) != 0) {
                into[at++] = frameOf(record) + next;
                after ^= 1 << next;
                next++;
            }
            relink(record, kindOf(before), kindOf(after));
            records[record] = after;
            record += RECORD;
            isFollowed = next == GROUP && record < records.length && records[record] == FULL;
        }
        size -= at - taken;
        return at;
    }
}
