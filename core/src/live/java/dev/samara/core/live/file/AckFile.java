// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.core.backing.HostFile;
import dev.samara.core.interleave.scenario.MemoryChannel;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.live.file.AckOpen.Owed;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The state of a file that the calls of a script acknowledged: its bytes, and the errors that opens must still return.
 */
final class AckFile {
    final String name;
    final MemoryChannel host;

    private final List<AckOpen> opens = new ArrayList<>();
    private byte[] bytes;

    /** Bytes that a call was to make zeros, which has failed: each is what it was, or zero, and then stays so. */
    private final BitSet perhapsZero = new BitSet();

    /**
     * The pages that were not in memory when a force has failed, among them those that a direct open has written: they
     * may be lost on the device, as the library says, until they are written again.
     */
    private final BitSet perhapsLost = new BitSet();

    /** The last open by the library. */
    @Nullable
    HostFile library;

    /** The error that the next open must return, since no open returned it. */
    private Owed unseen = Owed.NOTHING;

    /** Whether its last close could not save it. */
    private boolean isKept;

    /** Whether it was opened for writing since it came into memory. */
    private boolean isWritten;

    AckFile(String name, MemoryChannel host) {
        this.name = name;
        this.host = host;
        bytes = host.written();
    }

    int size() {
        return bytes.length;
    }

    AckOpen open(boolean isWritable) {
        AckOpen made = new AckOpen(this, isWritable, unseen);
        opens.add(made);
        isKept = false;
        isWritten |= isWritable;
        return made;
    }

    /** Returns whether an open of the file is used. */
    boolean isUsed() {
        return opens.stream().anyMatch(AckOpen::isUsed);
    }

    boolean isKept() {
        return isKept;
    }

    /** Keeps the file in memory: its last close could not save it, and the next open gets the error. */
    void keep() {
        isKept = !isUsed();
        failed(Owed.AN_ERROR);
    }

    /** Ends the file in memory: it was saved, and nobody has it open. */
    void end() {
        isKept = false;
        isWritten = false;
        unseen = Owed.NOTHING;
        opens.clear();
    }

    /** Returns whether it was opened for writing, so that even its close must not fail unnoticed. */
    boolean isWritten() {
        return isWritten;
    }

    /** Notes that a call to the host failed and no call returned the error. */
    void failed(Owed owed) {
        opens.forEach(open -> open.owed = owed);
        unseen = owed;
    }

    /** Notes a failed force: what was written before it is lost, except for the pages in memory. */
    void forceFailed() {
        FilePages pages = (FilePages) Objects.requireNonNull(library).pageCache();
        for (int page = 0; page * Places.PAGE < bytes.length; page++) {
            if (Objects.requireNonNull(pages).frameAt(page) < 0) {
                perhapsLost.set(page);
            }
        }
    }

    /** Notes that an open returned the error: it must not return it again, and each other open must. */
    void told(AckOpen told) {
        if (told.owed == Owed.NOTHING) {
            throw new AssertionError(name + ": an open returns an error twice, or one that did not occur");
        }
        opens.stream().filter(open -> open.owed == Owed.PERHAPS).forEach(open -> open.owed = Owed.AN_ERROR);
        told.owed = Owed.NOTHING;
        unseen = Owed.NOTHING;
    }

    /** A save by an open has reported no failure. */
    void silent(AckOpen saved) {
        if (saved.owed == Owed.AN_ERROR) {
            throw new AssertionError(name + ": an open does not return an error");
        } else if (saved.owed == Owed.PERHAPS) {
            opens.stream().filter(open -> open.owed == Owed.PERHAPS).forEach(open -> open.owed = Owed.NOTHING);
            unseen = Owed.NOTHING;
        }
    }

    void put(long offset, byte value) {
        bytes[(int) offset] = value;
        perhapsZero.clear((int) offset);
    }

    void write(long offset, ByteBuffer source) {
        int at = (int) offset;
        int length = source.remaining();
        if (length > 0) {
            bytes = Arrays.copyOf(bytes, Math.max(bytes.length, at + length));
            source.get(bytes, at, length);
            perhapsZero.clear(at, at + length);
        }
    }

    void resize(long size) {
        bytes = Arrays.copyOf(bytes, (int) size);
        perhapsZero.clear((int) size, Integer.MAX_VALUE);
    }

    /**
     * Makes bytes zeros, as far as they are in the file.
     *
     * @param isCertain whether each of them is zero; otherwise each may be
     */
    void zero(long from, long to, boolean isCertain) {
        int end = (int) Math.min(to, bytes.length);
        if (from < end && isCertain) {
            Arrays.fill(bytes, (int) from, end, (byte) 0);
            perhapsZero.clear((int) from, end);
        } else if (from < end) {
            perhapsZero.set((int) from, end);
        }
    }

    /** The file has the bytes of the host: it was saved, and another program has changed it. */
    void follow() {
        bytes = host.written();
        perhapsZero.clear();
    }

    /** A read has shown bytes, which the file has from now on. */
    void shown(long offset, byte[] read, int length) {
        check("read", read, 0, offset, offset + length, true);
    }

    /** Compares what was written to the host. */
    void checkWritten(String what) {
        check(what, host.written(), 0, 0, bytes.length, false);
    }

    /** Compares what is on the device, from a page on. */
    void checkForced(String what, long from, long to) {
        byte[] forced = host.forced();
        for (long page = from / Places.PAGE; page * Places.PAGE < Math.min(to, bytes.length); page++) {
            if (!perhapsLost.get((int) page)) {
                long start = page * Places.PAGE;
                check(what, forced, start, start, Math.min(start + Places.PAGE, bytes.length), false);
            }
        }
    }

    /** Compares the bytes of a range with those that an array has from a place on. */
    private void check(String what, byte[] found, long place, long from, long to, boolean isSeen) {
        for (long at = from; at < to; at++) {
            long index = place + at - from;
            if (index >= found.length || at >= bytes.length) {
                throw new AssertionError(
                        name + ", " + what + ": ends at " + at + ", and has " + bytes.length + " bytes");
            }
            byte value = found[(int) index];
            if (value != bytes[(int) at] && !(value == 0 && perhapsZero.get((int) at))) {
                throw new AssertionError(name + ", " + what + ": byte " + at + " is " + (value & 0xff) + " and not "
                        + (bytes[(int) at] & 0xff));
            }
            if (isSeen) {
                put(at, value);
            }
        }
    }
}
