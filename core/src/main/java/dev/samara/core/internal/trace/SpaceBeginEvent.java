// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import org.jspecify.annotations.Nullable;

@Name("dev.samara.SpaceBegin")
@Label("Space Begun")
@Description("A new space")
@Category("Samara")
final class SpaceBeginEvent extends Event {
    /** Used only to find out, without allocation, whether a recording enables events of this type. */
    private static final SpaceBeginEvent ANY = new SpaceBeginEvent();

    @Label("Space")
    @Description("The number of the space on its machine")
    long space;

    @Label("Context")
    @Description("The number of its TLB context, which no other space of the JVM ever has; 0 without memory")
    long context;

    @Label("Name")
    @Nullable
    String name;

    @DataAmount
    @Label("Page Size")
    long pageSize;

    static boolean isRecorded() {
        return ANY.isEnabled();
    }
}
