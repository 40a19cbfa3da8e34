// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.MemoryAddress;
import jdk.jfr.Name;
import jdk.jfr.Threshold;
import org.jspecify.annotations.Nullable;

@Name("dev.samara.Fault")
@Label("Slow Page Fault")
@Description("A step of a page fault that had to wait, or to request a page from a backing")
@Category("Samara")
@Threshold("10 ms")
final class FaultEvent extends Event implements BegunEvent {
    /** Used only to find out, without allocation, whether a recording enables events of this type. */
    private static final FaultEvent ANY = new FaultEvent();

    @Label("Space")
    @Description("The number of the space on its machine")
    long space;

    @MemoryAddress
    @Label("Address")
    long address;

    @Label("Access")
    @Nullable
    String access;

    @Label("Cause")
    @Description("The event for which the fault had to wait")
    @Nullable
    String cause;

    @Label("Result")
    @Description("The result of the step; NONE if the fault continued")
    @Nullable
    String result;

    @Label("Major")
    @Description("Whether a backing had to fetch data")
    boolean major;

    static @Nullable FaultEvent beginIfRecorded() {
        if (!ANY.isEnabled()) {
            return null;
        }
        FaultEvent made = new FaultEvent();
        made.begin();
        return made;
    }
}
