// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import dev.samara.core.internal.page.DirectFrames.SparseRegion;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;

/** Creates frames whose regions are in files of limited capacity, as on a system that runs out of memory. */
public final class RegionThatFills {
    private static final class SmallFile extends RandomAccessFile {
        private final long room;

        SmallFile(File named, long room) throws IOException {
            super(named, "rw");
            this.room = room;
        }

        @Override
        public void write(byte[] bytes, int from, int length) throws IOException {
            if (getFilePointer() + length > room) {
                throw new IOException("no space left");
            }
            super.write(bytes, from, length);
        }
    }

    private RegionThatFills() {}

    /**
     * Creates frames, the first of which have room in a single region.
     *
     * @param room the number of those frames
     */
    public static DirectFrames frames(int pageShift, int chunkShift, int mostFrames, int room) throws IOException {
        return frames(pageShift, chunkShift, mostFrames, mostFrames, room);
    }

    /**
     * Creates frames, the first of which have room in regions.
     *
     * @param inRegion the number of frames in a region; the last region may have one more
     * @param room the number of frames with room
     */
    public static DirectFrames frames(int pageShift, int chunkShift, int mostFrames, int inRegion, int room) {
        long most = (long) inRegion << pageShift;
        long[] left = {(long) room << pageShift};
        return new DirectFrames(pageShift, chunkShift, mostFrames, most, 1L << pageShift, size -> {
            long here = Math.min(left[0], size);
            left[0] -= here;
            return here == 0 && room >= inRegion ? null : region(size, here);
        });
    }

    private static SparseRegion region(long size, long room) {
        try {
            File named = File.createTempFile("samara", null);
            try {
                SmallFile file = new SmallFile(named, room);
                file.setLength(size);
                MappedByteBuffer bytes = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, size);
                bytes.order(ByteOrder.LITTLE_ENDIAN);
                return new SparseRegion(file, bytes);
            } finally {
                if (!named.delete()) {
                    named.deleteOnExit();
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
