// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Threshold;
import org.jspecify.annotations.Nullable;

@Name("dev.samara.GracePeriod")
@Label("Grace Period")
@Description("A grace period that had to wait for reader sections")
@Category("Samara")
@Threshold("10 ms")
final class GracePeriodEvent extends Event implements BegunEvent {
    /** Used only to find out, without allocation, whether a recording enables events of this type. */
    private static final GracePeriodEvent ANY = new GracePeriodEvent();

    @Label("Readers")
    @Description("The number of readers in a section when it began")
    int readers;

    @Label("Last Reader")
    @Description("The last reader that it waited for")
    @Nullable
    String last;

    @Label("Polled")
    @Description("Whether a waiting call polled for it, and no thread waited")
    boolean polled;

    static @Nullable GracePeriodEvent beginIfRecorded() {
        if (!ANY.isEnabled()) {
            return null;
        }
        GracePeriodEvent made = new GracePeriodEvent();
        made.begin();
        return made;
    }
}
