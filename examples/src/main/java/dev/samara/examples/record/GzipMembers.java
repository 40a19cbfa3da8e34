// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.record;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * The content of a gzip file, all members of it, and nothing but members: what its superclass takes for a next member
 * and then passes over in silence, since it is none, is refused here. For one thread.
 */
final class GzipMembers extends GZIPInputStream {
    private static final int TRAILER = 8;

    private final Counted file;

    /** How much of the file was read when the decompressor last asked for more. */
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
            // Behind the last compressed byte comes the trailer, of which the decompressor may have got some already.
            long behind = inf.getRemaining() + (file.count - filled);
            if (behind != TRAILER || file.read() >= 0) {
                throw new ZipException("there is more behind the compressed data");
            }
        }
        return read;
    }
}
