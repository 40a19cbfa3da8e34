// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import org.jspecify.annotations.Nullable;

@Name("dev.samara.Reap")
@Label("Reap")
@Description("A reap, which removes private pages of a space")
@Category("Samara")
final class ReapEvent extends Event implements BegunEvent {
    /** Used only to find out, without allocation, whether a recording enables events of this type. */
    private static final ReapEvent ANY = new ReapEvent();

    @Label("Space")
    @Description("The number of the space on its machine")
    long space;

    @Label("Pages Before")
    @Description("The private pages of the space before")
    long pagesBefore;

    @Label("Pages After")
    @Description("The private pages of the space afterwards")
    long pagesAfter;

    @Label("Incomplete Passes")
    int passes;

    @Label("Complete")
    @Description("Whether all private pages that can be removed were removed")
    boolean complete;

    @Label("Cause")
    @Nullable
    String cause;

    static @Nullable ReapEvent beginIfRecorded() {
        if (!ANY.isEnabled()) {
            return null;
        }
        ReapEvent made = new ReapEvent();
        made.begin();
        return made;
    }
}
