// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;

/** Makes frames whose region lies in a file that takes only so many bytes, as that of a system without more memory. */
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
     * Makes frames of which the first ones have room in the region.
     *
     * @param room the number of those frames
     */
    public static DirectFrames frames(int pageShift, int chunkShift, int mostFrames, int room) throws IOException {
        long size = (long) mostFrames << pageShift;
        File named = File.createTempFile("samara", null);
        try {
            SmallFile file = new SmallFile(named, (long) room << pageShift);
            file.setLength(size);
            MappedByteBuffer bytes = file.getChannel().map(FileChannel.MapMode.READ_WRITE, 0, size);
            bytes.order(ByteOrder.LITTLE_ENDIAN);
            return new DirectFrames(pageShift, chunkShift, mostFrames, new SparseRegion(file, bytes));
        } finally {
            if (!named.delete()) {
                named.deleteOnExit();
            }
        }
    }
}
