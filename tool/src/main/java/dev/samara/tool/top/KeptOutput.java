// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.top;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.regex.Pattern;

/**
 * The last part of the output that a guest wrote while the view occupied its terminal. It is shown below the view, and
 * is written to the terminal after the view has ended. Thread-safe.
 */
public final class KeptOutput extends OutputStream {
    private static final int TAB = 8;

    /** A sequence that colours text or moves the cursor. */
    private static final Pattern ESCAPE = Pattern.compile("\u001b\\[[0-?]*[ -/]*[@-~]");

    private final byte[] bytes;
    private long written;

    /**
     * Creates an output.
     *
     * @param size the maximum number of bytes that are kept
     */
    public KeptOutput(int size) {
        bytes = new byte[size];
    }

    @Override
    public synchronized void write(int next) {
        bytes[(int) (written++ % bytes.length)] = (byte) next;
    }

    @Override
    public synchronized void write(byte[] source, int at, int length) {
        for (int i = 0; i < length; i++) {
            write(source[at + i]);
        }
    }

    private long lost() {
        return Math.max(0, written - bytes.length);
    }

    /**
     * Writes the output that is kept at one instant during this call.
     *
     * @param target receives the bytes, in their order
     * @param lost called first with the number of bytes that are no longer kept, if there are any
     * @throws IOException if the target cannot be written to
     */
    public void writeTo(OutputStream target, LongConsumer lost) throws IOException {
        byte[] end;
        long before;
        synchronized (this) {
            end = kept();
            before = lost();
        }
        if (before > 0) {
            lost.accept(before);
        }
        target.write(end);
        target.flush();
    }

    private synchronized byte[] kept() {
        byte[] kept = new byte[(int) (written - lost())];
        for (int i = 0; i < kept.length; i++) {
            kept[i] = bytes[(int) ((lost() + i) % bytes.length)];
        }
        return kept;
    }

    /**
     * Returns the last lines. Control characters are removed, because a guest could move the cursor with them.
     *
     * @param count the maximum number of lines
     * @param width the maximum length of a line in characters
     * @return lines without line ends
     */
    public List<String> lastLines(int count, int width) {
        List<String> lines = new ArrayList<>(List.of(new String(kept(), StandardCharsets.UTF_8).split("\n", -1)));
        if (lines.get(lines.size() - 1).isEmpty()) {
            lines.remove(lines.size() - 1);
        }
        return lines.subList(Math.max(0, lines.size() - count), lines.size()).stream()
                .map(line -> harmless(ESCAPE.matcher(line).replaceAll(""), width))
                .toList();
    }

    private static String harmless(String line, int width) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < line.length() && text.length() < width; i++) {
            char next = line.charAt(i);
            if (next == '\t') {
                text.append(" ".repeat(TAB - text.length() % TAB));
            } else if (!Character.isISOControl(next)) {
                text.append(next);
            }
        }
        return text.length() > width ? text.substring(0, width) : text.toString();
    }
}
