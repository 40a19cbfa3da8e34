// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.lookup;

import dev.samara.core.LayoutSnapshot;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/** The readers of one space. Used only by the thread of the writer. */
public final class ReadingSession implements AutoCloseable {
    private final VersionRing ring;
    private final List<Future<Tally>> tallies;

    ReadingSession(VersionRing ring, List<Future<Tally>> tallies) {
        this.ring = ring;
        this.tallies = tallies;
    }

    /**
     * Must be called before each operation. May wait for a slow reader.
     *
     * @param line the line of the operation in the recording
     * @param address the address of the operation
     */
    public void begin(int line, long address) {
        ring.begin(line, address);
    }

    /**
     * Must be called after each operation.
     *
     * @param layout the layout after the operation
     */
    public void end(LayoutSnapshot layout) {
        ring.end(layout);
    }

    /**
     * Waits until the readers have finished.
     *
     * @return their totals
     */
    public Tally finish() {
        ring.close();
        Tally sum = Tally.NONE;
        try {
            for (Future<Tally> tally : tallies) {
                sum = sum.plus(tally.get());
            }
        } catch (ExecutionException e) {
            throw new IllegalStateException("a reader died: " + e.getCause(), e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while the readers were ending", e);
        }
        return sum;
    }

    /** Stops the readers without waiting for them, unless {@link #finish} was called. */
    @Override
    public void close() {
        ring.close();
    }
}
