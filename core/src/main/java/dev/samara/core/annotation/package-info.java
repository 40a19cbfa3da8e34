// SPDX-License-Identifier: Apache-2.0
/**
 * API stability: {@link dev.samara.core.annotation.Experimental} marks the API elements that a minor version may
 * change.
 *
 * <p>This package depends on no other package of Samara.
 *
 * <p><b>Stability.</b> This package is stable: a version of 0.x changes it only where a defect cannot be repaired
 * otherwise.
 */
@NullMarked
package dev.samara.core.annotation;

import org.jspecify.annotations.NullMarked;
