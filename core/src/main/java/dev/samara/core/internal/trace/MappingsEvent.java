// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.trace;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.Period;
import jdk.jfr.StackTrace;
import jdk.jfr.Timestamp;

@Name("dev.samara.Mappings")
@Label("Mappings")
@Description("The mappings of a space and its pages in memory, recorded periodically")
@Category("Samara")
@Period("10 s")
@StackTrace(false)
final class MappingsEvent extends Event {
    @Label("Space")
    @Description("The number of the space on its machine")
    long space;

    @Label("Context")
    @Description("The number of the TLB context of the space, which no other space of the JVM ever has")
    long context;

    @Label("Mappings")
    long mappings;

    @Label("Pages")
    @Description("The pages in memory")
    long pages;

    @Timestamp(Timestamp.MILLISECONDS_SINCE_EPOCH)
    @Label("Sample")
    @Description("When the count of all spaces started; the same value for all spaces")
    long sample;
}
