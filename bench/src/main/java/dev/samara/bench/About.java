// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The line that {@code list} prints for a benchmark. In a JMH group, only one method carries this annotation. */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface About {
    /**
     * Describes the figure.
     *
     * @return a line without a full stop
     */
    String value();
}
