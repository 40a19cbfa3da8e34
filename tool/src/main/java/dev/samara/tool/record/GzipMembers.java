// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * The content of all members of a gzip file. The superclass silently skips bytes after a member that are not a member;
 * this class rejects them. Not thread-safe.
 */
final class GzipMembers extends GZIPInputStream {
    private static final int TRAILER = 8;

    private final Counted file;

    /** The number of bytes read from the file when the decompressor last requested more. */
    private long filled;

    private static final class Counted extends FilterInputStream {
        private long count;

        Counted(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            int value = in.read();
            count += value < 0 ? 0 : 1;
            return value;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            int read = in.read(target, offset, length);
            count += Math.max(read, 0);
            return read;
        }
    }

    GzipMembers(InputStream in, int size) throws IOException {
        this(new Counted(in), size);
    }

    private GzipMembers(Counted file, int size) throws IOException {
        super(file, size);
        this.file = file;
    }

    @Override
    protected void fill() throws IOException {
        super.fill();
        filled = file.count;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        int read = super.read(target, offset, length);
        if (read < 0) {
            // The trailer follows the last compressed byte. The decompressor may have read a part of the trailer
            // already.
            long behind = inf.getRemaining() + (file.count - filled);
            if (behind != TRAILER || file.read() >= 0) {
                throw new ZipException("there are bytes after the compressed data");
            }
        }
        return read;
    }
}
