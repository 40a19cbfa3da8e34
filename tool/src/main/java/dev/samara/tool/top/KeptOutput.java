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
 * The end of what a guest has written while the view has its terminal. It is shown below the view, and is written out
 * after the view. Thread-safe.
 */
public final class KeptOutput extends OutputStream {
    private static final int TAB = 8;

    /** A sequence that colours text or moves the cursor. */
    private static final Pattern ESCAPE = Pattern.compile("\u001b\\[[0-?]*[ -/]*[@-~]");

    private final byte[] bytes;
    private long written;

    /**
     * Makes an output.
     *
     * @param size the most bytes that are kept
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
     * Writes out what is kept at one instant of this call.
     *
     * @param target receives the bytes, in their order
     * @param lost is told before how many bytes are not kept any more, if there are some
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
     * Returns the last lines. Control characters, with which a guest could move the cursor, are left out.
     *
     * @param count the most lines
     * @param width the most characters of a line
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
