// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import org.jspecify.annotations.Nullable;

@Name("dev.samara.SpaceEnd")
@Label("Space Ended")
@Description("The teardown of a space")
@Category("Samara")
final class SpaceEndEvent extends Event implements BegunEvent {
    /** Used only to find out, without allocation, whether a recording enables events of this type. */
    private static final SpaceEndEvent ANY = new SpaceEndEvent();

    @Label("Space")
    @Description("The number of the space on its machine")
    long space;

    @Label("Name")
    @Nullable
    String name;

    static @Nullable SpaceEndEvent beginIfRecorded() {
        if (!ANY.isEnabled()) {
            return null;
        }
        SpaceEndEvent made = new SpaceEndEvent();
        made.begin();
        return made;
    }
}
