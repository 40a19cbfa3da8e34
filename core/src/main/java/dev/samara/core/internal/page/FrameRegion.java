// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import java.nio.MappedByteBuffer;
import org.jspecify.annotations.Nullable;

/** A frame store whose frames lie in one buffer, as far as the system has memory for it. */
public interface FrameRegion {
    /** Returns the buffer in which a frame in the region has its physical address as index; null if there is none. */
    @Nullable
    MappedByteBuffer region();

    /** Returns whether a frame that was made is in the region. */
    boolean isInRegion(int frame);
}
