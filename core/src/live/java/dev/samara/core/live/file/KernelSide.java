// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import static dev.samara.core.live.file.Kind.ADVICE;
import static dev.samara.core.live.file.Kind.FLAGS;
import static dev.samara.core.live.file.Kind.LENGTH;
import static dev.samara.core.live.file.Kind.MAPPING;
import static dev.samara.core.live.file.Kind.OFFSET;
import static dev.samara.core.live.file.Kind.PAGES;
import static dev.samara.core.live.file.Kind.PROTECTION;
import static dev.samara.core.live.file.Kind.SEED;
import static dev.samara.core.live.file.Kind.SIZE;
import static dev.samara.core.live.file.Kind.SLOT;
import static dev.samara.core.live.file.Kind.SPACE;
import static dev.samara.core.live.file.Kind.VALUE;
import static dev.samara.core.live.file.Kind.WIDTH;
import static dev.samara.core.live.file.Places.PAGE;

import dev.samara.testing.judge.Access;
import dev.samara.testing.judge.Task;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Executes the steps of a script with kernel calls. The first process owns the descriptors and is the first space. The
 * second process is the second space, and reopens the descriptors' files for its mappings.
 */
final class KernelSide {
    /** An unused descriptor, with which each call returns EBADF. */
    private static final long CLOSED = 699;

    /** The maximum length of an answer in bytes. */
    private static final int MOST_DUMPED = 64 << 10;

    private static final int FIXED = 0x10;
    private static final int PUNCH = 3;
    private static final int NONBLOCK = 04000;
    private static final int READ_WRITE = 2;
    private static final int CREATE = 0100;
    private static final int EXCLUSIVE = 0200;
    private static final long EINVAL = -22;
    private static final long EBADF = -9;

    private final Hand[] hands;
    private final String folder;
    private final long process;
    private final long[] descriptors = new long[Places.SLOTS];
    private final boolean[] areWritable = new boolean[Places.SLOTS];

    KernelSide(Hand first, Hand second, String folder) {
        hands = new Hand[] {first, second};
        this.folder = folder;
        process = first.call(39);
        Arrays.fill(descriptors, CLOSED);
    }

    boolean isOpen(int slot) {
        return descriptors[slot] != CLOSED;
    }

    private long descriptor(Step step) {
        return descriptors[step.number(SLOT)];
    }

    private Hand hand(Step step) {
        return hands[step.number(SPACE)];
    }

    /** Returns the inode of an open. */
    long inode(int slot) {
        return hands[0].look(descriptors[slot])[0];
    }

    Outcome run(Step step) {
        Hand hand = hands[0];
        return switch (step.verb()) {
            case OPEN -> Outcome.of(open(step));
            case CLOSE -> Outcome.of(close(step.number(SLOT)));
            case PREAD -> pread(step);
            case PWRITE ->
                Outcome.of(hand.call(
                        Hand.PWRITE, descriptor(step), Hand.bytes(step.get(SEED)), step.get(LENGTH), step.get(OFFSET)));
            case APPEND -> append(step);
            case TRUNCATE -> Outcome.of(hand.call(Hand.FTRUNCATE, descriptor(step), step.get(SIZE)));
            case GROW -> Outcome.of(grow(step.number(SLOT), step.get(SIZE)));
            case PUNCH ->
                Outcome.of(hand.call(Hand.FALLOCATE, descriptor(step), PUNCH, step.get(OFFSET), step.get(LENGTH)));
            case FSYNC -> Outcome.of(hand.call(Hand.FSYNC, descriptor(step)));
            case SYNC_RANGE ->
                Outcome.of(hand.call(
                        Hand.SYNC_FILE_RANGE, descriptor(step), step.get(OFFSET), step.get(LENGTH), step.get(FLAGS)));
            case REVALIDATE -> Outcome.of(isOpen(step.number(SLOT)) ? 0 : EBADF);
            case MMAP -> Outcome.of(map(step));
            case MUNMAP, MPROTECT, MADVISE, MSYNC -> Outcome.of(change(step));
            case LOAD -> access(hand(step).task().load(step.number(WIDTH), Places.address(step)));
            case STORE -> access(hand(step).task().store(step.number(WIDTH), Places.address(step), step.get(VALUE)));
            default -> Outcome.of(0);
        };
    }

    private long open(Step step) {
        int slot = step.number(SLOT);
        close(slot);
        OpenMode mode = OpenMode.of(step);
        int flags = NONBLOCK
                | (mode.isWriting() ? READ_WRITE : 0)
                | (mode.isCreating() ? CREATE : 0)
                | (mode.isCreatingNew() ? EXCLUSIVE : 0);
        String name = Names.of(step.get(Kind.NAME));
        String path = name.startsWith("/") ? name : folder + "/" + name;
        long opened = hands[0].callWithPaths(List.of(path), Hand.OPENAT, Hand.HERE, hands[0].path(0), flags, 0644);
        if (opened < 0) {
            return opened;
        }
        descriptors[slot] = opened;
        areWritable[slot] = mode.isWriting();
        return 0;
    }

    long close(int slot) {
        long closed = isOpen(slot) ? hands[0].call(Hand.CLOSE, descriptors[slot]) : 0;
        descriptors[slot] = CLOSED;
        return closed;
    }

    private Outcome pread(Step step) {
        long length = step.get(LENGTH);
        List<String> answers = hands[0].task()
                .askAll(List.of(
                        Task.callRequest(Hand.PREAD, descriptor(step), Hand.room(), length, step.get(OFFSET)),
                        Task.hashRequest(Hand.room(), length)));
        long read = Long.parseLong(answers.get(0));
        String hashes =
                read > 0 && read < length ? hands[0].task().ask(Task.hashRequest(Hand.room(), read)) : answers.get(1);
        return new Outcome(read, read > 0 ? Hand.hash(List.of(hashes.split(" ", -1))) : 0);
    }

    /** Returns the bytes of the last read. */
    byte[] lastRead(long length) {
        byte[] all = new byte[(int) length];
        for (int at = 0; at < all.length; at += MOST_DUMPED) {
            int part = Math.min(MOST_DUMPED, all.length - at);
            System.arraycopy(hands[0].task().bytes(Hand.room() + at, part), 0, all, at, part);
        }
        return all;
    }

    private Outcome append(Step step) {
        List<String> requests = new ArrayList<>(hands[0].lookRequests(descriptor(step)));
        requests.addAll(hands[0].append(descriptor(step), step.get(SEED), step.get(LENGTH)));
        List<String> answers = hands[0].task().askAll(requests);
        long done = Long.parseLong(answers.get(5));
        return new Outcome(done, done < 0 ? 0 : Hand.hex(answers.get(2)));
    }

    /**
     * Grows a file. The kernel has no such call, so the errors are those of {@code fallocate}, which requires an open
     * for writing.
     */
    private long grow(int slot, long size) {
        if (!isOpen(slot)) {
            return EBADF;
        } else if (size < 0) {
            return EINVAL;
        } else if (!areWritable[slot]) {
            return EBADF;
        }
        return hands[0].look(descriptors[slot])[1] >= size ? 0 : hands[0].call(Hand.FTRUNCATE, descriptors[slot], size);
    }

    private long map(Step step) {
        int space = step.number(SPACE);
        Hand hand = hands[space];
        long descriptor = descriptor(step);
        boolean isReopened = space > 0 && descriptor != CLOSED;
        String mmap = Task.callRequest(
                Hand.MMAP,
                Places.region(step.get(Kind.REGION)),
                step.get(PAGES) * PAGE,
                step.get(PROTECTION),
                step.get(MAPPING) | FIXED,
                isReopened ? 0 : descriptor,
                step.get(OFFSET));
        if (!isReopened) {
            return Long.parseLong(hand.task().ask(mmap));
        }
        // The second process has no other open descriptor, so the open returns 0.
        List<String> answers = hand.task()
                .askAll(List.of(
                        hand.pathRequest(0, "/proc/" + process + "/fd/" + descriptor),
                        Task.callRequest(
                                Hand.OPENAT,
                                Hand.HERE,
                                hand.path(0),
                                areWritable[step.number(SLOT)] ? READ_WRITE : 0,
                                0),
                        mmap,
                        Task.callRequest(Hand.CLOSE, 0)));
        return Long.parseLong(answers.get(2));
    }

    private long change(Step step) {
        long at = Places.address(step);
        Hand hand = hand(step);
        return switch (step.verb()) {
            case MUNMAP -> hand.call(Hand.MUNMAP, at, step.get(PAGES) * PAGE);
            case MPROTECT -> hand.call(Hand.MPROTECT, at, step.get(PAGES) * PAGE, step.get(PROTECTION));
            case MADVISE -> hand.call(Hand.MADVISE, at, step.get(LENGTH), step.get(ADVICE));
            default -> hand.call(Hand.MSYNC, at, step.get(LENGTH), step.get(FLAGS));
        };
    }

    private static Outcome access(Access access) {
        return access.isDone()
                ? new Outcome(0, access.value())
                : Outcome.fault(access.signal(), access.code(), access.address());
    }

    /** Returns the state of each page of all regions of a space: a hash, or a fault. */
    List<List<String>> pages(int space) {
        List<String> requests = new ArrayList<>();
        for (int region = 0; region < Places.REGIONS; region++) {
            requests.add(Task.hashRequest(Places.region(region), Places.PAGES * (long) PAGE));
        }
        List<List<String>> pages = new ArrayList<>();
        for (String answer : hands[space].task().askAll(requests)) {
            pages.add(List.of(answer.split(" ", -1)));
        }
        return pages;
    }

    byte[] page(int space, int region, int page) {
        return hands[space].task().bytes(Places.region(region) + page * (long) PAGE, PAGE);
    }

    /** Ends the script: closes all descriptors and removes all mappings. */
    void end() {
        for (int slot = 0; slot < Places.SLOTS; slot++) {
            close(slot);
        }
        for (Hand hand : hands) {
            hand.call(Hand.MUNMAP, Places.FIRST, Places.REGIONS * Places.DISTANCE);
        }
    }
}
