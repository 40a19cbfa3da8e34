// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import static dev.samara.core.live.file.Kind.LENGTH;
import static dev.samara.core.live.file.Kind.NAME;
import static dev.samara.core.live.file.Kind.OFFSET;
import static dev.samara.core.live.file.Kind.SEED;
import static dev.samara.core.live.file.Kind.SIZE;
import static dev.samara.core.live.file.Kind.TO;

import java.util.List;

/** Another program, which changes files and names of one side. */
final class OtherProgram {
    private static final int READ_WRITE = 2;
    private static final int CREATE_EXCLUSIVE = 0302;
    private static final int PUNCH = 3;

    private final Hand hand;
    private final String folder;

    OtherProgram(Hand hand, String folder) {
        this.hand = hand;
        this.folder = folder;
    }

    private String path(long name) {
        return folder + "/" + Names.of(name);
    }

    /** Returns the inode and the size of a name's file; -1 if there is none. */
    long[] look(long name) {
        return hand.look(path(name));
    }

    Outcome run(Step step) {
        long name = step.get(NAME);
        return Outcome.of(
                switch (step.verb()) {
                    case OTHER_TRUNCATE ->
                        hand.callWithPaths(List.of(path(name)), Hand.TRUNCATE, hand.path(0), step.get(SIZE));
                    case CREATE -> create(name);
                    case UNLINK -> hand.callWithPaths(List.of(path(name)), Hand.UNLINK, hand.path(0));
                    case LINK -> pair(Hand.LINK, path(name), path(step.get(TO)));
                    case SYMLINK -> pair(Hand.SYMLINK, Names.of(name), path(step.get(TO)));
                    case RENAME -> pair(Hand.RENAME, path(name), path(step.get(TO)));
                    default -> write(step);
                });
    }

    private long pair(int number, String from, String to) {
        return hand.callWithPaths(List.of(from, to), number, hand.path(0), hand.path(1));
    }

    private long open(long name, int flags) {
        return hand.callWithPaths(List.of(path(name)), Hand.OPENAT, Hand.HERE, hand.path(0), flags, 0644);
    }

    private long create(long name) {
        long opened = open(name, CREATE_EXCLUSIVE);
        return opened < 0 ? opened : hand.call(Hand.CLOSE, opened);
    }

    private long write(Step step) {
        long opened = open(step.get(NAME), READ_WRITE);
        if (opened < 0) {
            return opened;
        }
        long done =
                switch (step.verb()) {
                    case OTHER_WRITE ->
                        hand.call(
                                Hand.PWRITE,
                                opened,
                                Hand.bytes(step.get(SEED)),
                                step.get(LENGTH),
                                step.get(OFFSET));
                    case OTHER_APPEND -> hand.append(opened, step.get(SEED), step.get(LENGTH));
                    default -> hand.call(Hand.FALLOCATE, opened, PUNCH, step.get(OFFSET), step.get(LENGTH));
                };
        hand.call(Hand.CLOSE, opened);
        return done;
    }
}
