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
 * An exploration: a test class of which a build runs only a {@link Share}, and reports all other tests as skipped. The
 * n-th test of the class, or the n-th invocation of its parameterized tests, is in part n modulo {@link #value}.
 *
 * <p>On a method, {@code @Explored(1)} means that each build runs this test, because the test is short or itself runs
 * only a share of its work.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD})
@Tag("exploration")
@ExtendWith(ShareCondition.class)
public @interface Explored {
    /**
     * The number of parts of the exploration, of which a build runs one unless {@link Share#PARTS} is set.
     *
     * @return at least 1
     */
    int value();
}
