// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Threshold;
import org.jspecify.annotations.Nullable;

@Name("dev.samara.LockWait")
@Label("Wait for a Layout Lock")
@Description("A call that waited for the lock of a layout, or of a part of it")
@Category("Samara")
@Threshold("10 ms")
final class LockWaitEvent extends Event implements BegunEvent {
    /** Used only to find out, without allocation, whether a recording enables events of this type. */
    private static final LockWaitEvent ANY = new LockWaitEvent();

    @Label("Space")
    @Description("The number of the space on its machine")
    long space;

    @Label("Parked")
    @Description("Whether the thread parked; otherwise it only spun")
    boolean parked;

    static @Nullable LockWaitEvent beginIfRecorded() {
        if (!ANY.isEnabled()) {
            return null;
        }
        LockWaitEvent made = new LockWaitEvent();
        made.begin();
        return made;
    }
}
