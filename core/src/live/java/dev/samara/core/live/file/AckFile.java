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

    /**
     * Bytes that a failed call should have zeroed: each byte is either unchanged or zero, and keeps the value that a
     * read returns.
     */
    private final BitSet perhapsZero = new BitSet();

    /**
     * The pages that were not in memory when a force failed, including those that a direct open wrote. As the library
     * documents, they may be lost on the device until they are written again.
     */
    private final BitSet perhapsLost = new BitSet();

    /** The last open by the library. */
    @Nullable
    HostFile library;

    /** The error that the next open must return, because no open returned it so far. */
    private Owed unseen = Owed.NOTHING;

    /** Whether the last close failed to save the file. */
    private boolean isKept;

    /** Whether the file was opened for writing since it last came into memory. */
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

    /** Keeps the file in memory because its last close could not save it. The next open must return the error. */
    void keep() {
        isKept = !isUsed();
        failed(Owed.AN_ERROR);
    }

    /** Removes the file from memory: it was saved, and no open of it is used. */
    void end() {
        isKept = false;
        isWritten = false;
        unseen = Owed.NOTHING;
        opens.clear();
    }

    /** Returns whether the file was opened for writing, in which case even a failed close must be reported. */
    boolean isWritten() {
        return isWritten;
    }

    /** Records that a call to the host failed and no call returned the error. */
    void failed(Owed owed) {
        opens.forEach(open -> open.owed = owed);
        unseen = owed;
    }

    /** Records a failed force: earlier writes may be lost, except for the pages in memory. */
    void forceFailed() {
        FilePages pages = (FilePages) Objects.requireNonNull(library).pageCache();
        for (int page = 0; page * Places.PAGE < bytes.length; page++) {
            if (Objects.requireNonNull(pages).frameAt(page) < 0) {
                perhapsLost.set(page);
            }
        }
    }

    /**
     * Records that an open returned the error: this open must not return it again, and every other open must return it.
     */
    void told(AckOpen told) {
        if (told.owed == Owed.NOTHING) {
            throw new AssertionError(name + ": an open returns an error twice, or one that did not occur");
        }
        opens.stream().filter(open -> open.owed == Owed.PERHAPS).forEach(open -> open.owed = Owed.AN_ERROR);
        told.owed = Owed.NOTHING;
        unseen = Owed.NOTHING;
    }

    /** Checks that a save by an open could return without an error. */
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
     * Zeroes the bytes of a range that are in the file.
     *
     * @param isCertain whether each byte is zero; otherwise each may be
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

    /** Takes over the host's bytes, after the file was saved and another program changed it. */
    void follow() {
        bytes = host.written();
        perhapsZero.clear();
    }

    /** Checks bytes that a read returned; from now on the file must keep them. */
    void shown(long offset, byte[] read, int length) {
        check("read", read, 0, offset, offset + length, true);
    }

    /** Compares the bytes that were written to the host. */
    void checkWritten(String what) {
        check(what, host.written(), 0, 0, bytes.length, false);
    }

    /** Compares the bytes on the device, from the start of a page. */
    void checkForced(String what, long from, long to) {
        byte[] forced = host.forced();
        for (long page = from / Places.PAGE; page * Places.PAGE < Math.min(to, bytes.length); page++) {
            if (!perhapsLost.get((int) page)) {
                long start = page * Places.PAGE;
                check(what, forced, start, start, Math.min(start + Places.PAGE, bytes.length), false);
            }
        }
    }

    /** Compares the bytes of a range with those in an array from an index on. */
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
