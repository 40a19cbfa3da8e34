// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Threshold;
import org.jspecify.annotations.Nullable;

@Name("dev.samara.Shootdown")
@Label("TLB Shootdown")
@Description("A wait until CPUs of other threads dropped translations")
@Category("Samara")
@Threshold("10 ms")
final class ShootdownEvent extends Event implements BegunEvent {
    /** Used only to find out, without allocation, whether a recording enables events of this type. */
    private static final ShootdownEvent ANY = new ShootdownEvent();

    @Label("Space")
    @Description("The number of the space on its machine")
    long space;

    @Label("Context")
    @Description("The number of the TLB context of the space, which no other space of the JVM ever has")
    long context;

    @Label("Generation")
    long generation;

    @Label("Targets")
    @Description("The number of CPUs that the shootdown waited for")
    int targets;

    @Label("Polled")
    @Description("Whether a waiting call polled for it, and no thread waited")
    boolean polled;

    static @Nullable ShootdownEvent beginIfRecorded() {
        if (!ANY.isEnabled()) {
            return null;
        }
        ShootdownEvent made = new ShootdownEvent();
        made.begin();
        return made;
    }
}
