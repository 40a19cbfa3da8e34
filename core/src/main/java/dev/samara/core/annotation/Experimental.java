// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.annotation;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks a public type, method, constructor or constant whose form may still change. Any minor version may change or
 * remove it, without deprecating it first; {@code CHANGELOG.md} then describes what a caller has to change. A patch
 * version changes it only where a defect cannot be repaired otherwise.
 *
 * <p>A caller may rely on the javadoc of such an element, in the version that it uses: the element is tested like all
 * others. The annotation is about its form, not about its quality. Elements without the annotation never need one with
 * it: none of their types, parameters and results is experimental. So {@code docs/stability.md} applies to a program
 * that names no experimental element: the program compiles and runs with each later minor version, except in the few
 * cases that are listed there, such as a {@code switch} over an enum without a {@code default}.
 *
 * <p>On a type, the annotation covers all of its members. On a constructor of a record, it also covers the number and
 * order of the components, and so record patterns; the accessors stay.
 *
 * <p>A library that hands Samara's types on to its own callers should not use experimental elements, or should state
 * which version it needs. The annotation is in class files and can be read at run time, so that a check of a program
 * can find uses of it. {@code docs/stability.md} lists all elements with the annotation, and the reasons.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD, ElementType.CONSTRUCTOR, ElementType.FIELD})
public @interface Experimental {}
