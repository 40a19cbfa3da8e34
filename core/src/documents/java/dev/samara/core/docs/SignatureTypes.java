// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.Member;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** The types that a class's declarations name, as a user of the class sees them. */
final class SignatureTypes {
    private SignatureTypes() {}

    static boolean isVisible(int modifiers) {
        return Modifier.isPublic(modifiers) || Modifier.isProtected(modifiers);
    }

    private static boolean isSeen(Member member) {
        return isVisible(member.getModifiers()) && !member.isSynthetic();
    }

    /** Returns the public and protected methods and constructors that a class declares. */
    static List<Executable> members(Class<?> type) {
        return Stream.<Executable>concat(
                        Arrays.stream(type.getDeclaredMethods()), Arrays.stream(type.getDeclaredConstructors()))
                .filter(SignatureTypes::isSeen)
                .toList();
    }

    /** Returns the public and protected fields that a class declares; in an API these are constants. */
    static List<Field> fields(Class<?> type) {
        return Arrays.stream(type.getDeclaredFields())
                .filter(SignatureTypes::isSeen)
                .toList();
    }

    /** Returns the types in the supertypes and bounds of a class, and of its public and protected fields. */
    static Set<Class<?>> ofDeclaration(Class<?> type) {
        Set<Type> named = new HashSet<>(Arrays.asList(type.getGenericInterfaces()));
        if (type.getGenericSuperclass() != null) {
            named.add(type.getGenericSuperclass());
        }
        named.addAll(Arrays.asList(type.getTypeParameters()));
        for (Field field : fields(type)) {
            named.add(field.getGenericType());
        }
        return classes(named);
    }

    /** Returns the types of a method's or constructor's parameters, result, exceptions and bounds. */
    static Set<Class<?>> of(Executable member) {
        Set<Type> types = new HashSet<>(Arrays.asList(member.getGenericParameterTypes()));
        types.addAll(Arrays.asList(member.getGenericExceptionTypes()));
        types.addAll(Arrays.asList(member.getTypeParameters()));
        types.add(member.getAnnotatedReturnType().getType());
        return classes(types);
    }

    private static Set<Class<?>> classes(Set<Type> types) {
        Set<Class<?>> classes = new HashSet<>();
        types.forEach(each -> collect(each, classes, new HashSet<>()));
        return classes;
    }

    private static void collect(Type type, Set<Class<?>> classes, Set<Type> seen) {
        if (!seen.add(type)) {
            return;
        }
        if (type instanceof Class<?> plain) {
            classes.add(plain.isArray() ? plain.getComponentType() : plain);
        } else if (type instanceof ParameterizedType generic) {
            collect(generic.getRawType(), classes, seen);
            collect(generic.getActualTypeArguments(), classes, seen);
        } else if (type instanceof GenericArrayType array) {
            collect(array.getGenericComponentType(), classes, seen);
        } else if (type instanceof TypeVariable<?> variable) {
            collect(variable.getBounds(), classes, seen);
        } else if (type instanceof WildcardType wildcard) {
            collect(wildcard.getLowerBounds(), classes, seen);
            collect(wildcard.getUpperBounds(), classes, seen);
        }
    }

    private static void collect(Type[] types, Set<Class<?>> classes, Set<Type> seen) {
        for (Type each : types) {
            collect(each, classes, seen);
        }
    }
}
