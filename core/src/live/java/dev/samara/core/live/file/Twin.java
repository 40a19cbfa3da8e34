// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.core.backing.HostFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.BitSet;

/**
 * A file of the library and the corresponding file of the kernel, with the documented differences that they may have:
 * bytes that another program changed while they may have been in memory, and the size until the library checks it
 * again.
 */
final class Twin implements AutoCloseable {
    /** The offset up to which bytes that may differ are tracked one by one; later bytes are tracked as a whole. */
    static final int MOST = 256 << 10;

    private static final int PAGE = Places.PAGE;

    final long inode;

    /** An open of the file, which may be closed by now. */
    HostFile file;

    private final FileChannel ours;
    private final FileChannel theirs;

    /** Bytes that may differ in the file. */
    private final BitSet loose = new BitSet();

    /** Bytes that may differ in private copies: all bytes that could ever differ in the file. */
    private final BitSet everLoose = new BitSet();

    /** Whether the library may not know the current size yet. */
    boolean isStale;

    /**
     * Whether the library may still keep the file's pages although its last user is gone, because a host call failed.
     */
    boolean isKept;

    private boolean isHighLoose;

    /** The page in which bytes were stored beyond the end of the file; -1 for none. */
    private long tail = -1;

    Twin(long inode, HostFile file, FileChannel ours, FileChannel theirs) {
        this.inode = inode;
        this.file = file;
        this.ours = ours;
        this.theirs = theirs;
    }

    /** Returns the size that the library knows. */
    long known() {
        return file.size();
    }

    long size() {
        return size(theirs);
    }

    long hostSize() {
        return size(ours);
    }

    private static long size(FileChannel channel) {
        try {
            return channel.size();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    /** Records that bytes may differ from now on. */
    void loosen(long from, long to) {
        if (from < to) {
            loose.set((int) Math.min(from, MOST), (int) Math.min(to, MOST));
            everLoose(from, to);
        }
    }

    /** Records that bytes of private copies may differ from now on. */
    void everLoose(long from, long to) {
        if (from < to) {
            everLoose.set((int) Math.min(from, MOST), (int) Math.min(to, MOST));
            isHighLoose |= to > MOST;
        }
    }

    /** Records that bytes are the same on both sides from now on. */
    void clear(long from, long to) {
        if (from < to && from < MOST) {
            loose.clear((int) from, (int) Math.min(to, MOST));
        }
    }

    /** Records that bytes were stored in a page beyond end of file. */
    void storedBeyond(long page) {
        tail = page;
        everLoose(size(), (page + 1) * PAGE);
    }

    /** Records that both sides know the size. */
    void settled(long size) {
        isStale = false;
        clear(size, MOST);
        if (tail != size / PAGE) {
            tail = -1;
        }
    }

    /** Returns whether a page may differ from the kernel's page because the library does not know the size. */
    boolean isPageLoose(long page) {
        return isStale && page >= Math.min(known(), size()) / PAGE;
    }

    boolean isLoose(long offset, boolean isPrivate) {
        return (offset < MOST ? loose.get((int) offset) || (isPrivate && everLoose.get((int) offset)) : isHighLoose)
                || (tail == offset / PAGE && offset >= size())
                || isPageLoose(offset / PAGE);
    }

    /** Returns the first offset at which the two files of the host differ; -1 if they are equal where compared. */
    long firstDifference(long from, long to) {
        long size = size();
        long end = Math.min(to, size);
        long at = from < Math.min(end, MOST) ? firstDifferenceAt(from, (int) (Math.min(end, MOST) - from)) : -1;
        long last = Math.max(Math.max(from, MOST), end - 2 * PAGE);
        return at < 0 && last < end ? firstDifferenceAt(last, (int) (end - last)) : at;
    }

    private long firstDifferenceAt(long offset, int length) {
        byte[] one = bytes(ours, offset, length);
        byte[] other = bytes(theirs, offset, length);
        for (int i = 0; i < length; i++) {
            if (one[i] != other[i] && !isLoose(offset + i, false)) {
                return offset + i;
            }
        }
        return -1;
    }

    private static byte[] bytes(FileChannel channel, long offset, int length) {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        try {
            int read = 0;
            while (bytes.hasRemaining() && read >= 0) {
                read = channel.read(bytes, offset + bytes.position());
            }
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
        return bytes.array();
    }

    @Override
    public void close() {
        try {
            ours.close();
            theirs.close();
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }
}
