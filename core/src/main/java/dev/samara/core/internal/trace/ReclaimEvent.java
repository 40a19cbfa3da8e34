// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Threshold;
import org.jspecify.annotations.Nullable;

@Name("dev.samara.Reclaim")
@Label("Reclaim")
@Description("An attempt to free frames or page tables")
@Category("Samara")
@Threshold("10 ms")
final class ReclaimEvent extends Event implements BegunEvent {
    /** Used only to find out, without allocation, whether a recording enables events of this type. */
    private static final ReclaimEvent ANY = new ReclaimEvent();

    @Label("Kind")
    @Nullable
    String kind;

    @Label("Freed")
    @Description("The number of frames that were freed; for page tables 1 if there is room, else 0")
    int freed;

    @Label("Busy")
    @Description("Whether other threads were changing the files")
    boolean busy;

    static @Nullable ReclaimEvent beginIfRecorded() {
        if (!ANY.isEnabled()) {
            return null;
        }
        ReclaimEvent made = new ReclaimEvent();
        made.begin();
        return made;
    }
}
