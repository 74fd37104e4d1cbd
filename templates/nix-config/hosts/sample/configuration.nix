# What sample alone has.
{ ... }:
{
}
