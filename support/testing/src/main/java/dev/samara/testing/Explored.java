// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * An exploration: a class of tests of which a build runs a {@link Share}, and reports the others as skipped. The n-th
 * test of the class, or the n-th invocation of its parameterized tests, is in part n modulo {@link #value}.
 *
 * <p>On a method it says that this test is whole in each build, since it takes a share of its work itself or is short:
 * {@code @Explored(1)}.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD})
@Tag("exploration")
@ExtendWith(ShareCondition.class)
public @interface Explored {
    /**
     * The number of parts of the whole, of which a build runs one unless {@link Share#PARTS} is set.
     *
     * @return at least 1
     */
    int value();
}
