// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The stream that replaces standard output and standard error. It writes to the file of the current test class, and
 * stores the last {@value #KEPT} bytes. Thread-safe.
 */
final class CapturedOutput extends OutputStream {
    private static final int KEPT = 1 << 15;

    private final byte[] last = new byte[KEPT];

    /**
     * The number of bytes written so far. {@link #last} contains the last of them, each at its position modulo the
     * size.
     */
    private long written;

    /** The current file; null between two test classes, and until the class prints something. */
    private @Nullable OutputStream file;

    private @Nullable Path path;

    /**
     * Directs the following output to a file, which is created at the first byte, or to no file if {@code next} is
     * null.
     */
    synchronized void switchTo(@Nullable Path next) {
        OutputStream before = file;
        file = null;
        path = next;
        if (before != null) {
            try {
                before.close();
            } catch (IOException failed) {
                throw new UncheckedIOException("cannot close the output file before " + next, failed);
            }
        }
    }

    /** Returns the number of bytes written so far. */
    synchronized long position() {
        return written;
    }

    /** Returns the output since a position. If that is more than the stored bytes, returns only the stored bytes. */
    synchronized String since(long position) {
        long from = Math.max(position, written - KEPT);
        byte[] bytes = new byte[(int) (written - from)];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = last[(int) ((from + i) % KEPT)];
        }
        String text = new String(bytes, Charset.defaultCharset());
        return from == position ? text : "[...]" + text;
    }

    @Override
    public synchronized void write(int one) throws IOException {
        write(new byte[] {(byte) one}, 0, 1);
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) throws IOException {
        for (int i = Math.max(0, length - KEPT); i < length; i++) {
            last[(int) ((written + i) % KEPT)] = bytes[offset + i];
        }
        written += length;
        if (path != null) {
            OutputStream to = file;
            if (to == null) {
                to = Files.newOutputStream(path);
                file = to;
            }
            // Not buffered, so that the output survives a crash of the JVM.
            to.write(bytes, offset, length);
        }
    }
}
