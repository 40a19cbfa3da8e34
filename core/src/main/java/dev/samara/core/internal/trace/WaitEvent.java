// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Threshold;
import org.jspecify.annotations.Nullable;

@Name("dev.samara.Wait")
@Label("Wait for an Operation")
@Description("A call or a fault that waited for an operation, for a fork that copies, or for the owner of a busy entry")
@Category("Samara")
@Threshold("10 ms")
final class WaitEvent extends Event implements BegunEvent {
    /** Used only to find out, without allocation, whether a recording enables events of this type. */
    private static final WaitEvent ANY = new WaitEvent();

    @Label("Operation")
    @Description("The call that waited")
    @Nullable
    String operation;

    @Label("Awaited")
    @Description("What it waited for, when the wait began")
    @Nullable
    String awaited;

    @Label("Interrupted")
    @Description("Whether an interrupt ended the wait")
    boolean interrupted;

    static @Nullable WaitEvent beginIfRecorded() {
        if (!ANY.isEnabled()) {
            return null;
        }
        WaitEvent made = new WaitEvent();
        made.begin();
        return made;
    }
}
