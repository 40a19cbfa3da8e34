// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.AddressSpace;
import dev.samara.core.LayoutSnapshot;
import dev.samara.tool.record.FileReport;

/** A further check of each replayed space, such as threads that read it concurrently. */
@FunctionalInterface
public interface ReplayCheck {
    /**
     * Starts the check of a space, which contains the first snapshot of its trace.
     *
     * @param space the space
     * @param report receives what differs
     * @return the check, which is closed after the last operation, or when the replay fails
     */
    OfSpace begin(AddressSpace space, FileReport report);

    /** The check of one space. Called by the thread of the replay. */
    interface OfSpace extends AutoCloseable {
        /**
         * Called before each operation.
         *
         * @param line the line of the operation in the recording
         * @param address the address of the operation
         */
        void begins(int line, long address);

        /**
         * Called after each operation.
         *
         * @param layout the layout after the operation
         */
        void ends(LayoutSnapshot layout);

        /** Called after the last operation, unless the replay failed. */
        void finish();

        @Override
        void close();
    }
}
